package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// ownDirs are what the server and its tools keep in the data directory. Files
// of others do not belong there: what is not known there may be removed.
var ownDirs = []string{"wal", "segments", "checkpoints", "quarantine", "repair"}

// checkDirs refuses directories that meet: one for what is moved out of the
// data directory must not be, hold or lie in one of those that it comes from,
// and each purpose needs one of its own. Any other place in the data directory
// will do.
func (c *Config) checkDirs() (problems Problems) {
	dirs := []struct{ name, path string }{{"COLD_DIR", c.ColdDir}, {"ARCHIVE_DIR", c.ArchiveDir}}
	for _, d := range dirs {
		if d.path == "" {
			continue
		}
		for _, own := range ownDirs {
			own = filepath.Join(c.DataDir, own)
			if how := meeting(d.path, own, sameDir); how != "" {
				problems = append(problems, fmt.Sprintf("%s%s: %q %s %q, which the server keeps for itself; "+
					"take a directory beside it", prefix, d.name, d.path, how, own))
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
		problems = append(problems, fmt.Sprintf("%sARCHIVE_DIR: %q %s %q, which is %sCOLD_DIR; take a directory beside it",
			prefix, c.ArchiveDir, how, c.ColdDir, prefix))
	}
	return problems
}

// How two directories meet.
const (
	is      = "is"
	liesIn  = "lies in"
	holds   = "holds"
	isApart = ""
)

// meeting returns how directory a meets directory b. same reports whether two
// paths, which may not exist, lead to one directory.
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

// below reports whether a directory above a is b.
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

// sameDir compares by device and inode where there are both: a bind mount has a
// path without any symbolic link.
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

// resolve is the absolute path without symbolic links, as far as it exists: one
// directory may have many names.
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
