package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const settingsFile = "bench.yaml"

// readSettings takes the flags that were not given from bench.yaml in the working folder, which has the same
// names. Names that no command knows are errors; those of other commands are left alone.
func readSettings(c *cobra.Command) error {
	data, err := os.ReadFile(settingsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usage(err)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return usagef("%s: %w", settingsFile, err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		values, ok := doc.Body.(ast.MapNode)
		if !ok {
			return usagef("%s: it is no mapping of flags to values, such as `model: o3-mini`", settingsFile)
		}
		for entries := values.MapRange(); entries.Next(); {
			if err := setting(c, entries.Key().String(), entries.KeyValue()); err != nil {
				return usagef("%s:%d: %w", settingsFile, entries.KeyValue().GetToken().Position.Line, err)
			}
		}
	}
	return nil
}

func setting(c *cobra.Command, name string, node *ast.MappingValueNode) error {
	if !knownFlag(c.Root(), name) {
		return fmt.Errorf("there is no flag --%s, so no such setting", name)
	}
	flag := c.Flags().Lookup(name)
	if flag == nil || flag.Changed {
		return nil
	}
	if run := c.Flags().Lookup("run"); run != nil && run.Changed && slices.Contains(frozenFlags, name) {
		return nil // the run's own settings hold
	}
	var value any
	if err := yaml.NodeToValue(node.Value, &value); err != nil {
		return err
	}
	if value == nil {
		return nil // nothing is set
	}
	text := fmt.Sprint(value)
	if list, ok := value.([]any); ok {
		parts := make([]string, len(list))
		for i, v := range list {
			parts[i] = fmt.Sprint(v)
		}
		text = strings.Join(parts, ",")
	}
	if err := c.Flags().Set(name, text); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func knownFlag(root *cobra.Command, name string) bool {
	known := false
	for _, c := range commands(root) {
		c.Flags().VisitAll(func(f *pflag.Flag) { known = known || f.Name == name })
	}
	return known
}
