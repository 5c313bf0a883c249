package repo

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxPath      = 4096 // bytes of a path
	maxComponent = 255  // bytes of one component
)

// PathError is a path that no tree takes, and why.
type PathError struct {
	Path   string
	Reason string
}

func (e *PathError) Error() string { return fmt.Sprintf("path %q: %s", e.Path, e.Reason) }

// CheckPath says whether path may name a file of a tree: relative, separated by slashes, already clean, and
// harmless on every file system a tree may be written to. The error is a [*PathError].
func CheckPath(path string) error {
	if reason := refuse(path); reason != "" {
		return &PathError{Path: path, Reason: reason}
	}
	return nil
}

func refuse(path string) string {
	switch {
	case path == "":
		return "is empty"
	case len(path) > maxPath:
		return fmt.Sprintf("is longer than %d bytes", maxPath)
	case !utf8.ValidString(path):
		return "is not UTF-8"
	case strings.IndexFunc(path, invisible) >= 0:
		return "holds a NUL, a control character or an invisible one"
	case strings.Contains(path, `\`):
		return "holds a backslash; separate folders with /"
	case path[0] == '/':
		return "is absolute; name it relative to the repository"
	case len(path) > 1 && path[1] == ':' && isLetter(path[0]):
		return "starts with a drive letter"
	case strings.ContainsAny(path, `<>:"|?*`):
		return `holds one of < > : " | ? *, which Windows forbids`
	case path[len(path)-1] == '/':
		return "ends in a slash, so it names a folder"
	}
	for component := range strings.SplitSeq(path, "/") {
		if reason := refuseComponent(component); reason != "" {
			return reason
		}
	}
	return ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// invisible is also true of format characters: with them one name can look like another, and some file
// systems ignore them, so that they could hide a .git.
func invisible(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

func refuseComponent(name string) string {
	lower := strings.ToLower(name)
	switch {
	case name == "":
		return "has an empty component (a doubled slash)"
	case name == ".":
		return `has the component "."`
	case name == "..":
		return `has the component "..", which leaves its folder`
	case len(name) > maxComponent:
		return fmt.Sprintf("has a component longer than %d bytes", maxComponent)
	case strings.TrimRight(lower, ". ") == ".git", lower == "git~1": // the short name of .git on NTFS
		return "has a component that means .git"
	case strings.HasSuffix(name, "."), strings.HasSuffix(name, " "):
		return "has a component that ends in a dot or a space, which Windows drops"
	case reserved(lower):
		return "has a component that Windows reserves for a device"
	}
	return ""
}

// reserved follows Windows' rule that a device's name counts whatever extension follows it.
func reserved(lower string) bool {
	stem, _, _ := strings.Cut(lower, ".")
	stem = strings.TrimRight(stem, " ")
	switch stem {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		return true
	}
	port, ok := strings.CutPrefix(stem, "com")
	if !ok {
		port, ok = strings.CutPrefix(stem, "lpt")
	}
	return ok && (len(port) == 1 && port >= "0" && port <= "9" || port == "¹" || port == "²" || port == "³")
}

// Clean undoes the harmless ways in which models spell a path: spaces, quotes, backticks or asterisks around
// it, a leading "./", "/./" and doubled slashes. What [CheckPath] refuses for being hostile, it refuses
// after Clean too.
func Clean(path string) string {
	for {
		before := path
		path = strings.Trim(path, " \t\r\n")
		for _, quote := range []string{"`", `"`, "'", "**", "*"} {
			if inner, ok := strings.CutPrefix(path, quote); ok && strings.HasSuffix(inner, quote) {
				path = strings.TrimSuffix(inner, quote)
			}
		}
		path = strings.TrimPrefix(path, "./")
		if path == before {
			break
		}
	}
	// Components are dropped one by one: nothing is resolved, so ".." stays where it is.
	parts := strings.Split(path, "/")
	kept := parts[:0]
	for i, part := range parts {
		edge := i == 0 || i == len(parts)-1
		if edge || part != "" && part != "." {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "/")
}
