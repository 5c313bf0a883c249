// Package lfs fetches the files that Git-LFS pointers stand for, over the batch protocol with basic transfers:
// https://github.com/git-lfs/git-lfs/tree/main/docs, spec.md and api/.
package lfs

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// MaxPointer is what the file of a pointer is smaller than, in bytes.
const MaxPointer = 1024

const version = "version https://git-lfs.github.com/spec/v1"

// Pointer stands in a repository for a file that is kept elsewhere.
type Pointer struct {
	OID  string // the SHA-256 of the file, 64 hexadecimal digits
	Size int64  // of the file, in bytes
}

// Parse reads a pointer. Any other content is none, and ok is false.
func Parse(content []byte) (p Pointer, ok bool) {
	if len(content) >= MaxPointer || !bytes.HasPrefix(content, []byte(version+"\n")) {
		return Pointer{}, false
	}
	values := make(map[string]string)
	for line := range strings.Lines(string(content)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		values[key] = value
	}
	oid, isSHA256 := strings.CutPrefix(values["oid"], "sha256:")
	size, err := strconv.ParseInt(values["size"], 10, 64)
	p = Pointer{OID: oid, Size: size}
	return p, isSHA256 && isOID(oid) && err == nil && size >= 0
}

func isOID(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 64 && s == strings.ToLower(s)
}

// String is the content of the pointer's file.
func (p Pointer) String() string {
	return fmt.Sprintf("%s\noid sha256:%s\nsize %d\n", version, p.OID, p.Size)
}
