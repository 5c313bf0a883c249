package monitor

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"papereval/paper"
)

// Blacklist are the addresses that a system may not use for a paper.
type Blacklist struct {
	entries []entry
}

type entry struct {
	text    string // as in the file
	literal string // is in every text that the pattern matches; both are for lower case
	pattern *regexp.Regexp
}

// Read reads the blacklist that is stored under a name in fsys, in the published format: an address on every
// line, with or without a scheme, or the one word "none". Blank lines do not count, nor does what follows a #
// that does not belong to an address. An address without a path stands for all of its host. Every line that is
// no address is in the error; that of a missing file is [fs.ErrNotExist].
func Read(fsys fs.FS, name string) (*Blacklist, error) {
	content, err := paper.ReadText(fsys, name)
	if err != nil {
		return nil, err
	}
	var lines, wrong []string
	list := &Blacklist{}
	for i, line := range strings.Split(string(content), "\n") {
		if line = strings.TrimSpace(comment.ReplaceAllString(line, "")); line == "" {
			continue
		}
		lines = append(lines, line)
		if e, ok := parse(line); ok {
			list.entries = append(list.entries, e)
		} else {
			wrong = append(wrong, fmt.Sprintf("\n  line %d: %q", i+1, line))
		}
	}
	if len(lines) == 1 && strings.EqualFold(lines[0], "none") {
		return list, nil
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("%s has lines that are no addresses such as https://github.com/OWNER/NAME; mend them:%s", name, strings.Join(wrong, ""))
	}
	return list, nil
}

// Entries are the addresses as they were written.
func (b *Blacklist) Entries() []string {
	texts := make([]string, len(b.entries))
	for i, e := range b.entries {
		texts[i] = e.text
	}
	return texts
}

var (
	comment = regexp.MustCompile(`(?:^|\s)#.*`)
	// An address, in lower case, has a host and perhaps a path, and before them a scheme, a user, "www."; ssh has a colon
	// between them.
	address = regexp.MustCompile(`^(?:[a-z][a-z0-9+.-]*://)?(?:[^@/\s]+@)?(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::[0-9]+)?(?:[/:]+([^\s?#]*))?(?:[?#]\S*)?$`)
)

// maxEntry is the longest address in bytes, which keeps matches below [reach].
const maxEntry = 500

func parse(text string) (entry, bool) {
	lowered := []byte(text)
	lower(lowered)
	parts := address.FindStringSubmatch(string(lowered))
	if parts == nil || len(text) > maxEntry {
		return entry{}, false
	}
	host, path := parts[1], strings.Trim(parts[2], "/")
	e := entry{text: text, literal: host}
	// What stands before the host may be a line's end as JSON writes it, and is no name that goes on. A
	// subdomain is part of the host.
	pattern := `(?:^|[^a-z0-9-]|\\[nrt])`
	if host == "github.com" {
		e.literal = "github"
		pattern += `github(?:usercontent)?\.com(?::[0-9]+)?(?:\\?/repos)?` // the hosts of single files and of the API, too
	} else {
		pattern += regexp.QuoteMeta(host) + `(?::[0-9]+)?`
	}
	for step := range strings.SplitSeq(strings.TrimSuffix(path, ".git"), "/") {
		if step != "" {
			if len(step) > len(e.literal) {
				e.literal = step
			}
			pattern += `(?:\\?[/:])+` + regexp.QuoteMeta(step)
		}
	}
	if path != "" {
		pattern += `(?:\.git)?`
	}
	// The name may not go on; dots and dashes that end a sentence or are emphasis do not make it longer.
	e.pattern = regexp.MustCompile(pattern + `[._-]*(?:$|[^a-z0-9._-])`)
	return e, true
}
