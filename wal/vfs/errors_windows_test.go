package vfs_test

import (
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/e6e95bb8/topics/wal/vfs"
)

func TestErrorKinds(t *testing.T) {
	for _, test := range []struct {
		errno              syscall.Errno
		noSpace, temporary bool
	}{
		{windows.ERROR_DISK_FULL, true, true},
		{windows.ERROR_HANDLE_DISK_FULL, true, true},
		{windows.ERROR_DISK_QUOTA_EXCEEDED, true, true},
		{syscall.ENOSPC, true, true},
		{windows.ERROR_TOO_MANY_OPEN_FILES, false, true},
		{windows.ERROR_ACCESS_DENIED, false, true},
		{windows.ERROR_SHARING_VIOLATION, false, true},
		{windows.ERROR_IO_DEVICE, false, false},
		{windows.ERROR_CRC, false, false},
		{windows.ERROR_FILE_NOT_FOUND, false, false},
		{windows.ERROR_FILE_EXISTS, false, false},
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
