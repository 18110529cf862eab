package vfs_test

import (
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// TestLockedErrorText is what an operator reads.
func TestLockedErrorText(t *testing.T) {
	for err, want := range map[vfs.LockedError]string{
		{Name: "d/.lock", Holder: "pid 7"}: "locked: d/.lock is held by pid 7",
		{Name: "d/.lock"}:                  "locked: d/.lock is held",
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
