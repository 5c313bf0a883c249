package pull

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// What an archive may hold. The published one has 180 texts of at most a few megabytes.
const (
	maxEntries   = 10_000
	maxEntry     = 64 << 20 // bytes of a file
	maxExtracted = 1 << 30  // bytes of all files that are taken
)

// extract takes the papers out of an archive: the files VENUE/NAME.json, in whatever folder the venues are.
// Everything else stays in it.
func extract(archive []byte, venues []string, take func(name string, content []byte) error) error {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Errorf("it is no whole ZIP archive: %w", err)
	}
	if len(r.File) > maxEntries {
		return fmt.Errorf("it has %d entries, which is more than the %d that are expected at the most", len(r.File), maxEntries)
	}
	from := make(map[string]string)
	total := 0
	for _, entry := range r.File {
		if !fs.ValidPath(strings.TrimSuffix(entry.Name, "/")) || strings.ContainsAny(entry.Name, "\\:") {
			return fmt.Errorf("the entry %q would leave the folder that it is taken to", entry.Name)
		}
		folder, file := path.Split(entry.Name)
		venue := path.Base(folder)
		if folder == "" || !slices.Contains(venues, venue) || path.Ext(file) != ".json" || file[0] == '.' {
			continue
		}
		if !entry.Mode().IsRegular() {
			return fmt.Errorf("the entry %q is no regular file", entry.Name)
		}
		name := path.Join(venue, file)
		if from[name] != "" {
			return fmt.Errorf("the entries %q and %q are both %s", from[name], entry.Name, name)
		}
		from[name] = entry.Name
		content, err := inflate(entry)
		if err == nil {
			if total += len(content); total > maxExtracted {
				err = fmt.Errorf("with it there are more than %d MB", maxExtracted>>20)
			} else {
				err = take(name, content)
			}
		}
		if err != nil {
			return fmt.Errorf("the entry %q: %w", entry.Name, err)
		}
	}
	if len(from) == 0 {
		return fmt.Errorf("it has no file VENUE/NAME.json of the venues %s", strings.Join(venues, ", "))
	}
	return nil
}

// inflate reads an entry. What the archive says about the entry's size is not believed.
func inflate(entry *zip.File) ([]byte, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, maxEntry+1))
	if err = errors.Join(err, r.Close()); err == nil && len(content) > maxEntry {
		err = fmt.Errorf("it has more than %d MB", maxEntry>>20)
	}
	return content, err
}
