package paper

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// readLaTeX reads a paper in LaTeX. The text stays LaTeX; what is for the typesetter only is left out.
func readLaTeX(fsys fs.FS, name, source string) *Paper {
	in := &inputs{fsys: fsys, dir: path.Dir(name), left: maxInputs}
	source = in.expand(stripComments(source), []string{path.Clean(name)})
	p := &Paper{Form: LaTeX, Warnings: in.warnings}

	title, source := takeCommand(source, "title")
	if title == "" {
		title, source = takeCommand(source, "icmltitle")
	}
	p.Title = latexTitle(title)

	body := source
	if _, after, ok := strings.Cut(source, `\begin{document}`); ok {
		body = after
	}
	body, _, _ = strings.Cut(body, `\end{document}`)
	p.Abstract, body = takeEnvironment(body, "abstract")
	if p.Abstract == "" {
		// Some styles have a command, which may stand in the preamble.
		if p.Abstract, _ = takeCommand(source, "abstract"); p.Abstract != "" {
			_, body = takeCommand(body, "abstract")
		}
	}
	p.Abstract = strings.TrimSpace(p.Abstract)
	for _, command := range []string{"author", "date", "icmlauthor", "bibliographystyle"} {
		for before := ""; before != body; {
			before = body
			_, body = takeCommand(body, command)
		}
	}
	body = strings.ReplaceAll(body, `\maketitle`, "")

	bib, body := takeEnvironment(body, "thebibliography")
	if argument, rest := takeCommand(body, "bibliography"); argument != "" {
		body = rest
		if bib == "" {
			bib = compiledBibliography(fsys, name)
		}
	}
	p.Sections = latexSections(body)
	if list := bibItems(bib); list != "" {
		p.Sections = append(p.Sections, Section{Title: "References", Level: 1, Text: list})
	}
	return p
}

func latexTitle(title string) string {
	for _, command := range []string{"thanks", "footnote", "vspace", "hspace"} {
		_, title = takeCommand(title, command)
	}
	title = styles.ReplaceAllString(title, "$1")
	title = strings.NewReplacer(`\\`, " ", "~", " ").Replace(title)
	if !strings.Contains(title, "$") { // in a formula braces mean something
		title = strings.NewReplacer("{", "", "}", "").Replace(title)
	}
	return tidy(title)
}

// styles are the commands that only say how a title looks.
var styles = regexp.MustCompile(`\\(?:text(?:bf|it|sc|tt|rm|sf|normal)|emph|mbox|uppercase)\s*(\{)|\\(?:[lL]arge|LARGE|[hH]uge|bf|it|bfseries|itshape|centering)\b\s*()`)

// compiledBibliography is the bibliography that BibTeX wrote beside the paper, if it is there.
func compiledBibliography(fsys fs.FS, name string) string {
	content, err := ReadText(fsys, strings.TrimSuffix(name, path.Ext(name))+".bbl")
	if err != nil {
		return ""
	}
	bib, _ := takeEnvironment(stripComments(string(content)), "thebibliography")
	return bib
}

// bibItems lists the entries of a bibliography, each by its key and on one line.
func bibItems(bib string) string {
	var lines []string
	starts := bibItem.FindAllStringSubmatchIndex(bib, -1)
	for i, m := range starts {
		end := len(bib)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		text := strings.ReplaceAll(bib[m[1]:end], `\newblock`, "")
		lines = append(lines, fmt.Sprintf("- [%s] %s", bib[m[2]:m[3]], tidy(text)))
	}
	return strings.Join(lines, "\n")
}

var (
	bibItem  = regexp.MustCompile(`\\bibitem\s*(?:\[(?:[^\]\[]|\[[^\]]*\])*\])?\s*\{([^{}]*)\}`)
	heading  = regexp.MustCompile(`\\(part|chapter|section|subsection|subsubsection|appendix|begin)(\*?)[ \t]*`)
	verbatim = regexp.MustCompile(`^\{(verbatim|Verbatim|lstlisting|minted|comment)(\*?)\}`)
)

var latexLevels = map[string]int{"part": 1, "chapter": 1, "section": 1, "subsection": 2, "subsubsection": 3}

// latexSections splits a body at its headings and numbers these as LaTeX would in an article.
func latexSections(body string) []Section {
	out := []Section{{Level: 1}} // what stands before the first heading
	var counters [3]int
	appendix, unclosed := false, make(map[string]bool)
	start, pos := 0, 0
	for {
		m := heading.FindStringSubmatchIndex(body[pos:])
		if m == nil {
			break
		}
		at, end := pos+m[0], pos+m[1]
		command, starred := body[pos+m[2]:pos+m[3]], m[4] != m[5]
		pos = end
		if at > 0 && body[at-1] == '\\' {
			continue
		}
		switch command {
		case "begin":
			if v := verbatim.FindString(body[end:]); v != "" && !unclosed[v] {
				if i := strings.Index(body[end:], `\end`+v); i >= 0 {
					pos = end + i
				} else {
					unclosed[v] = true // there is none further on either
				}
			}
			continue
		case "appendix":
			if end < len(body) && isLetter(body[end]) {
				continue // \appendixname and the like
			}
			appendix, counters = true, [3]int{}
			out[len(out)-1].Text = body[start:at]
			out = append(out, Section{Level: 1})
			start = end
			continue
		}
		_, after := optional(body, end)
		title, after, ok := group(body, after)
		if !ok {
			continue
		}
		out[len(out)-1].Text = body[start:at]
		s := Section{Title: latexTitle(title), Level: latexLevels[command]}
		if !starred && command != "part" {
			s.Number = count(&counters, s.Level, appendix)
		}
		out = append(out, s)
		start, pos = after, after
	}
	out[len(out)-1].Text = body[start:]
	kept := out[:0]
	for _, s := range out {
		s.Text = blankLines.ReplaceAllString(strings.TrimSpace(s.Text), "\n\n")
		if s.Text != "" || s.Title != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

func count(counters *[3]int, level int, appendix bool) string {
	counters[level-1]++
	clear(counters[level:])
	number := strconv.Itoa(counters[0])
	if n := counters[0]; appendix && n >= 1 && n <= 26 {
		number = string(rune('A' + n - 1))
	}
	for _, n := range counters[1:level] {
		number += "." + strconv.Itoa(n)
	}
	return number
}
