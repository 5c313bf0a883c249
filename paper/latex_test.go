package paper

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const article = `\documentclass{article}
\newcommand{\x}{secret preamble}
\title[Short]{On \textbf{Things}\thanks{money} \\ and More} % a comment
\author{A {\bf B}}
\begin{document}
\maketitle
% \section{Commented out}
\begin{abstract}
We gain 5\% here. % not shown
\end{abstract}
\section{Intro}\label{sec:intro}
A line\\% gone
and \url{http://x/%7Ey} stay, \verb|100%| too. % gone
\begin{verbatim}
% stays
\section{code}
\end{verbatim}
\subsection[s]{Sub {with} braces}
\begin{equation} a = \frac{b}{c} \end{equation}
\iffalse hidden \ifx a b \fi hidden too \fi shown $a \iff b$
\section*{Thanks}
None.
\begin{comment}
gone
\end{comment}
\appendix
\section{Proofs}
\subsection{First}
QED
\begin{thebibliography}{9}
\bibitem[A(2020)]{a20} A. Author.
\newblock Title.
\bibitem{b} B.
\end{thebibliography}
\end{document}
after the end`

func TestLaTeX(t *testing.T) {
	p := readString(t, "p.tex", article, "")
	if p.Title != "On Things and More" {
		t.Errorf("title %q", p.Title)
	}
	if p.Abstract != `We gain 5\% here.` {
		t.Errorf("abstract %q", p.Abstract)
	}
	got := strings.Join(headings(p), "|")
	if want := "1 Intro|1.1 Sub with braces| Thanks|A Proofs|A.1 First| References"; got != want {
		t.Errorf("sections %q, want %q", got, want)
	}
	text := p.Text()
	for _, want := range []string{"A line\\\\\nand", `\url{http://x/%7Ey}`, `\verb|100%| too.`, "% stays\n\\section{code}",
		`a = \frac{b}{c}`, `shown $a \iff b$`, "- [a20] A. Author. Title.\n- [b] B."} {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not show %q:\n%s", want, text)
		}
	}
	for _, gone := range []string{"secret", "Commented", "not shown", "gone", "hidden", "maketitle", "author", "after the end"} {
		if strings.Contains(text, gone) {
			t.Errorf("the text shows %q:\n%s", gone, text)
		}
	}
}

func TestLaTeXTitle(t *testing.T) {
	for source, want := range map[string]string{
		`{\Large\bf A} \emph{b}~c\thanks{d}`: "A b c",
		`Learning $x_{i}$ \\ \textsc{Fast}`:  "Learning $x_{i}$ {Fast}",
		`\bfsomething`:                       `\bfsomething`,
	} {
		if got := latexTitle(source); got != want {
			t.Errorf("%s is shown as %q, want %q", source, got, want)
		}
	}
}

func TestLaTeXFragment(t *testing.T) {
	p := readString(t, "p.tex", "\\section{One}\nText.", "")
	if p.Title != "" || len(p.Sections) != 1 || p.Sections[0].Text != "Text." {
		t.Errorf("%+v", p)
	}
}

func TestInputs(t *testing.T) {
	files := fstest.MapFS{
		"secret.tex":      {Data: []byte("SECRET")},
		"p/main.tex":      {Data: []byte("\\input{parts/one}\n%\\input{../secret}\n\\input{../secret}\n\\input{/etc/passwd}\n\\include{loop}\n\\input parts/two.tex\n\\input{absent}\n\\bibliography{refs}")},
		"p/parts/one.tex": {Data: []byte("\\section{One} first % c\n")},
		"p/parts/two.tex": {Data: []byte("second")},
		"p/loop.tex":      {Data: []byte("LOOP \\input{loop}")},
		"p/main.bbl":      {Data: []byte("\\begin{thebibliography}{1}\\bibitem{k} Known.\\end{thebibliography}")},
	}
	p, err := Read(files, "p/main.tex", "")
	if err != nil {
		t.Fatal(err)
	}
	text := p.Text()
	for _, want := range []string{"## 1 One\n\nfirst", "second", "LOOP", "- [k] Known."} {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not show %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "SECRET") {
		t.Errorf("a file outside the folder was read:\n%s", text)
	}
	if len(p.Warnings) != 4 {
		t.Errorf("warnings %q, want one for each of ../secret, /etc/passwd, the loop and absent", p.Warnings)
	}
}

func TestInputsAreBounded(t *testing.T) {
	files := fstest.MapFS{"a9.tex": {Data: []byte(strings.Repeat("x", 1000))}}
	for i := range 9 {
		double := strings.Repeat("\\input{a"+string(rune('1'+i))+"} ", 8)
		files["a"+string(rune('0'+i))+".tex"] = &fstest.MapFile{Data: []byte(double)}
	}
	in := &inputs{fsys: files, dir: ".", left: 100_000}
	if text := in.expand(`\input{a0}`, nil); len(text) > 200_000 || len(in.warnings) != 1 {
		t.Errorf("%d bytes of text and the warnings %q", len(text), in.warnings)
	}
}

func TestLaTeXIsLinear(t *testing.T) {
	for _, part := range []string{`\section{`, `\iffalse\fi `, `\iffalse\ifx `, `\title[`, `\author{x}`, `\begin{verbatim}`, "%\n", `\begin{comment}`, `\input{x}`, `\bibitem[`, `{`} {
		start := time.Now()
		_, _ = Read(folder("p.tex", strings.Repeat(part, 200_000/len(part))), "p.tex", "")
		if elapsed := time.Since(start); elapsed > 20*time.Second {
			t.Errorf("200 KB of %s take %v", part, elapsed)
		} else {
			t.Logf("200 KB of %s: %v", part, elapsed)
		}
	}
}

func FuzzLaTeX(f *testing.F) {
	f.Add(article)
	f.Add("\\title{")
	f.Add("\\section[{]{\\")
	f.Add("\\iffalse \\else \\begin{comment}\\begin{verbatim}%\\end{verbatim}\n\\input{p}\\bibitem[[]]{}")
	f.Fuzz(func(t *testing.T, source string) {
		if p, err := Read(folder("p.tex", source), "p.tex", ""); err == nil && p.Text() == "" {
			t.Errorf("no text from %q", source)
		}
	})
}
