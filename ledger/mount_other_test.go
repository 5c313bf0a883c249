//go:build !linux

package ledger

import "testing"

func mount(t *testing.T, kind, dir, options string) {
	t.Skip("this test needs a small file system, which is mounted on Linux only")
}
