//go:build unix

package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func open(name string, flag int) (*os.File, error) { return os.OpenFile(name, flag, 0o600) }

func unlink(name string) error { return unix.Unlink(name) }

func rename(oldname, newname string) error { return os.Rename(oldname, newname) }

// syncDir syncs a directory as a file is synced, but with its metadata.
func syncDir(dir string) error {
	d, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	return errors.Join(fullsync(d), d.Close())
}
