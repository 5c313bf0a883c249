package paper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klippa-app/go-pdfium"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
)

// Compiling PDFium takes some seconds, so it waits for the first PDF and is done once. The module sees no
// folder of the machine and what it prints is dropped: a PDF is not trusted.
var pdfPool = sync.OnceValues(func() (pdfium.Pool, error) {
	return webassembly.Init(webassembly.Config{
		MaxTotal: 1,
		FSConfig: wazero.NewFSConfig(),
		Stdout:   io.Discard,
		Stderr:   io.Discard,
	})
})

func readPDF(name string, content []byte) (*Paper, error) {
	pages, title, err := pdfText(content)
	switch {
	case errors.Is(err, pdferrors.ErrPassword), errors.Is(err, pdferrors.ErrSecurity):
		return nil, fmt.Errorf("%s is encrypted; save it without a password", name)
	case errors.Is(err, pdferrors.ErrFormat), errors.Is(err, pdferrors.ErrFile):
		return nil, fmt.Errorf("%s is broken or no PDF; fetch it again", name)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read as a PDF: %w", name, err)
	}
	text := strings.Join(pages, "\n")
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("%s: %w: its %d pages are pictures; run text recognition over it, or give the paper in another form", name, ErrEmpty, len(pages))
	}
	p := layOut(text, title)
	p.Warnings = []string{"the text was taken from a PDF: formulas, tables and the order of columns may be lost"}
	return p, nil
}

// pdfText is the text of a PDF's pages and the title in its metadata, which is often wrong or empty.
func pdfText(content []byte) (pages []string, title string, err error) {
	pool, err := pdfPool()
	if err != nil {
		return nil, "", err
	}
	instance, err := pool.GetInstanceWithContext(context.Background())
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	opened, err := instance.OpenDocument(&requests.OpenDocument{File: &content})
	if err != nil {
		return nil, "", err
	}
	document := opened.Document
	count, err := instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: document})
	if err != nil {
		return nil, "", err
	}
	if meta, err := instance.FPDF_GetMetaText(&requests.FPDF_GetMetaText{Document: document, Tag: "Title"}); err == nil {
		title = meta.Value
	}
	for i := range count.PageCount {
		page, err := instance.GetPageText(&requests.GetPageText{
			Page: requests.Page{ByIndex: &requests.PageByIndex{Document: document, Index: i}},
		})
		if err != nil {
			return nil, "", fmt.Errorf("page %d: %w", i+1, err)
		}
		pages = append(pages, page.Text)
	}
	return pages, title, nil
}
