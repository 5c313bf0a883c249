package sim

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"time"
)

// shelf holds the files and batches of a server, in memory.
type shelf struct {
	mu      sync.Mutex
	files   []*file
	batches []*batch
	made    int // files and batches so far
}

type file struct {
	ID       string `json:"id"`
	Object   string `json:"object"`
	Bytes    int    `json:"bytes"`
	Created  int64  `json:"created_at"`
	Filename string `json:"filename"`
	Purpose  string `json:"purpose"`
	Status   string `json:"status"`

	content []byte
}

// add makes a file; the shelf is locked.
func (f *shelf) add(name, purpose string, content []byte) *file {
	f.made++
	made := &file{ID: fmt.Sprintf("file-sim%06d", f.made), Object: "file", Bytes: len(content), Created: time.Now().Unix(),
		Filename: name, Purpose: purpose, Status: "processed", content: content}
	f.files = append(f.files, made)
	return made
}

func (f *shelf) file(id string) *file {
	for _, found := range f.files {
		if found.ID == id {
			return found
		}
	}
	return nil
}

func missing(kind, id string) reply {
	return refusal(http.StatusNotFound, "not_found", fmt.Sprintf("No such %s object: %s", kind, id))
}

func (s *Server) upload(w http.ResponseWriter, r *http.Request) reply {
	limit := cmp.Or(s.options.BatchBytes, defaultBatchBytes)
	r.Body = http.MaxBytesReader(w, r.Body, int64(limit)+1<<16) // beside the file there is little
	parts, err := r.MultipartReader()
	if err != nil {
		return refusal(http.StatusBadRequest, "invalid_body", "A file is uploaded as multipart/form-data: "+err.Error())
	}
	var name, purpose string
	var content []byte
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			name, purpose, content, err = readPart(part, name, purpose, content)
		}
		if errors.As(err, new(*http.MaxBytesError)) || len(content) > limit {
			return refusal(http.StatusRequestEntityTooLarge, "file_too_large", fmt.Sprintf("The file is larger than the %d bytes that a batch may have.", limit))
		}
		if err != nil {
			return refusal(http.StatusBadRequest, "invalid_body", "The upload cannot be read: "+err.Error())
		}
	}
	switch {
	case purpose != "batch":
		return refusal(http.StatusBadRequest, "invalid_value", fmt.Sprintf("The simulated endpoint takes files for the purpose batch, not %q.", purpose))
	case len(content) == 0:
		return refusal(http.StatusBadRequest, "empty_file", "The file is empty.")
	}
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	return jsonReply(http.StatusOK, s.shelf.add(name, purpose, content))
}

func readPart(part *multipart.Part, name, purpose string, content []byte) (string, string, []byte, error) {
	var data bytes.Buffer
	_, err := data.ReadFrom(part)
	switch part.FormName() {
	case "purpose":
		purpose = strings.TrimSpace(data.String())
	case "file":
		name, content = part.FileName(), data.Bytes()
	}
	return name, purpose, content, err
}

func (s *Server) listFiles(http.ResponseWriter, *http.Request) reply {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	return jsonReply(http.StatusOK, list(s.shelf.files...))
}

func (s *Server) showFile(_ http.ResponseWriter, r *http.Request) reply {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	f := s.shelf.file(r.PathValue("id"))
	if f == nil {
		return missing("File", r.PathValue("id"))
	}
	return jsonReply(http.StatusOK, f)
}

func (s *Server) download(_ http.ResponseWriter, r *http.Request) reply {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	f := s.shelf.file(r.PathValue("id"))
	if f == nil {
		return missing("File", r.PathValue("id"))
	}
	return reply{http.StatusOK, "application/octet-stream", f.content}
}

func (s *Server) deleteFile(_ http.ResponseWriter, r *http.Request) reply {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	id := r.PathValue("id")
	for i, f := range s.shelf.files {
		if f.ID == id {
			s.shelf.files = append(s.shelf.files[:i:i], s.shelf.files[i+1:]...)
			return jsonReply(http.StatusOK, map[string]any{"id": id, "object": "file", "deleted": true})
		}
	}
	return missing("File", id)
}
