//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// explainAccess adds to an error of a file that this process may not use who the
// process is, whose the file is, and what to do. Other errors are returned as
// they are.
func explainAccess(err error) error {
	path := new(fs.PathError)
	if !errors.Is(err, fs.ErrPermission) || !errors.As(err, &path) {
		return err
	}
	at, info, missing := closest(path.Path)
	if info == nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return err
	}
	uid, gid := os.Geteuid(), os.Getegid()
	do := fmt.Sprintf("run chown -R %d:%d %s", uid, gid, at)
	if missing {
		do = fmt.Sprintf("make %s and give it to uid %d", path.Path, uid)
	}
	return &accessError{err, fmt.Sprintf("this process is uid %d, gid %d, and %s is owned by uid %d, gid %d with mode %04o: %s, or run the server as uid %d",
		uid, gid, at, owner.Uid, owner.Gid, info.Mode().Perm(), do, owner.Uid)}
}

// accessError is the error of a file that the process may not use, with an
// explanation.
type accessError struct {
	error
	why string
}

func (e *accessError) Error() string { return e.error.Error() + "; " + e.why }
func (e *accessError) Unwrap() error { return e.error }

// closest returns the path, or the closest directory above it that can be seen.
// info is nil if there is none. missing reports whether what is below does not
// exist, and not only cannot be seen.
func closest(path string) (at string, info os.FileInfo, missing bool) {
	at, err := filepath.Abs(path)
	if err != nil {
		return path, nil, false
	}
	for {
		info, err = os.Stat(at)
		if err == nil {
			return at, info, missing
		}
		missing = errors.Is(err, fs.ErrNotExist)
		parent := filepath.Dir(at)
		if parent == at {
			return at, nil, missing
		}
		at = parent
	}
}
