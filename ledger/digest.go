package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"unsafe"
)

// sum is a SHA-256.
type sum [sha256.Size]byte

// sumOf is the SHA-256 of a text. Prompts are long and many: it reads the text where it lies.
func sumOf(text string) sum { return sha256.Sum256(unsafe.Slice(unsafe.StringData(text), len(text))) }

// digest is the SHA-256 of data in hexadecimal.
func digest(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func isDigest(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 2*sha256.Size
}

// binaryKey is a call's key as the database holds it; ok is false for what can be no key.
func binaryKey(key string) (b []byte, ok bool) {
	if !isDigest(key) {
		return nil, false
	}
	b, err := hex.DecodeString(key)
	return b, err == nil
}

// checkKey is an error for what cannot be the key of a call.
func checkKey(key string) error {
	if !isDigest(key) {
		return fmt.Errorf("%q is no key: a key is a SHA-256, 64 lower-case hexadecimal digits", key)
	}
	return nil
}
