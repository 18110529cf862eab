package vfs

import (
	"errors"
	"io"
	"os"
)

// peeker is a file system that can look into a directory without reading all
// of it.
type peeker interface{ Peek(dir string) error }

// Peek proves that a directory can be opened and read, at the cost of one entry
// where the file system allows it.
func Peek(fsys FS, dir string) error {
	if p, ok := fsys.(peeker); ok {
		return p.Peek(dir)
	}
	_, err := fsys.List(dir)
	return err
}

func (osFS) Peek(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_, err = d.Readdirnames(1)
	if err == io.EOF { // it is empty
		err = nil
	}
	return errors.Join(err, d.Close())
}
