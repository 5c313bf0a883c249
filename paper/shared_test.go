package paper

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// shared is a folder of the real papers that tests read where they are at hand.
func shared(t testing.TB, folder string) fs.FS {
	t.Helper()
	root := os.Getenv("PAPEREVAL_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	dir := filepath.Join(root, "data", folder)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and CI must have it: %v", dir, err)
		}
		t.Skipf("%s is not there: set PAPEREVAL_SHARED to the folder of shared data", dir)
	}
	return os.DirFS(dir)
}
