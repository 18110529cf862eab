//go:build unix

package vfs_test

import (
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

func TestErrorKinds(t *testing.T) {
	for _, test := range []struct {
		errno              syscall.Errno
		noSpace, temporary bool
	}{
		{syscall.ENOSPC, true, true},
		{syscall.EDQUOT, true, true},
		{syscall.EMFILE, false, true},
		{syscall.ENFILE, false, true},
		{syscall.ENOMEM, false, true},
		{syscall.EACCES, false, true},
		{syscall.EROFS, false, true},
		{syscall.EINTR, false, true},
		{syscall.ESTALE, false, true},
		{syscall.EIO, false, false},
		{syscall.ENOENT, false, false},
		{syscall.EEXIST, false, false},
	} {
		err := fmt.Errorf("outer: %w", &fs.PathError{Op: "open", Path: "x", Err: test.errno})
		if vfs.NoSpace(err) != test.noSpace || vfs.Temporary(err) != test.temporary {
			t.Errorf("%v: NoSpace %v, Temporary %v", test.errno, vfs.NoSpace(err), vfs.Temporary(err))
		}
	}
	if vfs.NoSpace(nil) || vfs.Temporary(nil) {
		t.Error("no error is of a kind")
	}
}
