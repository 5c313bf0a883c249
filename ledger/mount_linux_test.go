package ledger

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mount mounts a small file system until the end of the test. The options are those of mount(8).
func mount(t *testing.T, kind, dir, options string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount the file system that this test needs")
	}
	var flags uintptr
	var data []string
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "ro":
			flags |= syscall.MS_RDONLY
		case "rw":
		case "remount":
			flags |= syscall.MS_REMOUNT
		default:
			data = append(data, option)
		}
	}
	if err := syscall.Mount(kind, dir, kind, flags, strings.Join(data, ",")); err != nil {
		t.Skipf("cannot mount a %s at %s: %v", kind, dir, err)
	}
	if flags&syscall.MS_REMOUNT == 0 {
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
	}
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
