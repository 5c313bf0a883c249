package replication

import (
	"fmt"
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	var epochs strings.Builder
	for i := range 100 {
		fmt.Fprintf(&epochs, "2024-05-01T10:%02d:00Z epoch %d loss %.4f\n", i%60, i, 1/float64(i+1))
	}
	for name, test := range map[string]struct{ log, want string }{
		"nothing":     {"", ""},
		"different":   {"a\nb\nb\na\n", "a\nb\nb\na\n"},
		"three alike": {"step 1\nstep 2\nstep 3\n", "step 1\nstep 2\nstep 3\n"},
		"epochs": {"start\n" + epochs.String() + "end\n",
			"start\n2024-05-01T10:00:00Z epoch 0 loss 1.0000\n  (98 lines like these are left out)\n2024-05-01T10:39:00Z epoch 99 loss 0.0100\nend\n"},
		"bars": {" 10%|█   | 1/10 [00:01]\n 20%|██  | 2/10 [00:02]\n 90%|███ | 9/10 [00:09, 3 it/s]\n100%|████| 10/10\ndone",
			" 10%|█   | 1/10 [00:01]\n  (2 lines like these are left out)\n100%|████| 10/10\ndone"},
		"overwritten":  {"10%\r50%\r100%\r\nnext\r\n", "100%\nnext\n"},
		"hexadecimals": {"at 0xdeadbeef1\nat 7f00aa11bb\nat 0123456789abcdef\nat cafebabe00\nat home", "at 0xdeadbeef1\n  (2 lines like these are left out)\nat cafebabe00\nat home"},
		"words differ": {"loading a\nloading b\nloading c\nloading d\n", "loading a\nloading b\nloading c\nloading d\n"},
	} {
		if got := fold(test.log); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add("epoch 1\nepoch 2\nepoch 3\nepoch 4\n")
	f.Fuzz(func(t *testing.T, log string) {
		folded := fold(log)
		if strings.Count(folded, "\n") > strings.Count(log, "\n") {
			t.Errorf("%q became longer: %q", log, folded)
		}
	})
}
