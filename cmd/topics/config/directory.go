package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// ownDirs are the subdirectories of the data directory that the server and its
// tools use. The server may remove files in them that it does not know.
var ownDirs = []string{"wal", "segments", "checkpoints", "quarantine", "repair"}

// checkDirs refuses directories that overlap. The cold directory and the
// archive directory must not be, contain or be inside a directory that files
// are moved from, and they must be separate from each other. Any other place
// inside the data directory is allowed.
func (c *Config) checkDirs() (problems Problems) {
	dirs := []struct{ name, path string }{{"COLD_DIR", c.ColdDir}, {"ARCHIVE_DIR", c.ArchiveDir}}
	for _, d := range dirs {
		if d.path == "" {
			continue
		}
		for _, own := range ownDirs {
			own = filepath.Join(c.DataDir, own)
			if how := meeting(d.path, own, sameDir); how != "" {
				problems = append(problems, fmt.Sprintf("%s%s: %q %s %q, which is reserved for the server; "+
					"use a separate directory", prefix, d.name, d.path, how, own))
				break
			}
		}
	}
	if c.ColdDir == "" || c.ArchiveDir == "" {
		return problems
	}
	switch how := meeting(c.ArchiveDir, c.ColdDir, sameDir); how {
	case "":
	case is:
		problems = append(problems, prefix+"ARCHIVE_DIR: must not be the same directory as "+prefix+"COLD_DIR")
	default:
		problems = append(problems, fmt.Sprintf("%sARCHIVE_DIR: %q %s %q, which is %sCOLD_DIR; use a separate directory",
			prefix, c.ArchiveDir, how, c.ColdDir, prefix))
	}
	return problems
}

// Relations between two directories.
const (
	is      = "is"
	liesIn  = "lies in"
	holds   = "holds"
	isApart = ""
)

// meeting returns the relation of directory a to directory b. same reports
// whether two paths, which may not exist, refer to the same directory.
func meeting(a, b string, same func(a, b string) bool) string {
	a, b = resolve(a), resolve(b)
	switch {
	case same(a, b):
		return is
	case below(a, b, same):
		return liesIn
	case below(b, a, same):
		return holds
	}
	return isApart
}

// below reports whether b is an ancestor of a.
func below(a, b string, same func(a, b string) bool) bool {
	for {
		parent := filepath.Dir(a)
		if parent == a {
			return false
		}
		if same(parent, b) {
			return true
		}
		a = parent
	}
}

// sameDir compares directories by device and inode if both exist, since a bind
// mount gives a directory another path without a symbolic link.
func sameDir(a, b string) bool {
	if a == b {
		return true
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// resolve returns the absolute path, with symbolic links resolved as far as the
// path exists.
func resolve(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path) // there is no working directory
	}
	for at, rest := abs, ""; ; {
		if found, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(found, rest)
		}
		parent := filepath.Dir(at)
		if parent == at {
			return abs
		}
		at, rest = parent, filepath.Join(filepath.Base(at), rest)
	}
}
