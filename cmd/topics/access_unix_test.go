//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An error of a file that may not be used says whose it is and what to do.
func TestAccessErrorsNameTheFix(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	me := fmt.Sprintf("this process is uid %d, gid %d, and %s is owned by uid %d", os.Geteuid(), os.Getegid(), dir, os.Geteuid())
	for path, fix := range map[string]string{
		dir:                        "with mode 0750: run chown -R",
		filepath.Join(dir, "none"): fmt.Sprintf("make %s and give it to uid %d", filepath.Join(dir, "none"), os.Geteuid()),
	} {
		denied := fmt.Errorf("data directory: %w", &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES})
		err := explainAccess(denied)
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), me) || !strings.Contains(err.Error(), fix) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if other := errors.New("other"); explainAccess(other) != other || explainAccess(nil) != nil {
		t.Error("another error was changed")
	}
}
