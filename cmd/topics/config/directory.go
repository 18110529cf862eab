package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// ownDirs are what the server keeps in its data directory. Files of others do
// not belong there: what is not known there may be removed.
var ownDirs = []string{"wal", "segments", "checkpoints"}

// checkDirs holds the directories apart: one for what is moved out of the data
// directory must not be, hold or lie in one of those that it comes from. Any
// other place in the data directory will do.
func (c *Config) checkDirs() (problems Problems) {
	dirs := []struct{ name, path string }{{"COLD_DIR", c.ColdDir}, {"ARCHIVE_DIR", c.ArchiveDir}}
	for _, d := range dirs {
		if d.path == "" {
			continue
		}
		for _, own := range ownDirs {
			own = filepath.Join(c.DataDir, own)
			how := "is"
			switch a, b := resolve(d.path), resolve(own); {
			case a == b:
			case inside(a, b):
				how = "lies in"
			case inside(b, a):
				how = "holds"
			default:
				continue
			}
			problems = append(problems, fmt.Sprintf("%s%s: %q %s %q, which the server keeps for itself; "+
				"take a directory beside it", prefix, d.name, d.path, how, own))
			break
		}
	}
	if c.ColdDir != "" && c.ArchiveDir != "" && resolve(c.ColdDir) == resolve(c.ArchiveDir) {
		problems = append(problems, prefix+"ARCHIVE_DIR: must not be the same directory as "+prefix+"COLD_DIR")
	}
	return problems
}

// inside reports whether the path a lies below b.
func inside(a, b string) bool {
	rel, err := filepath.Rel(b, a)
	return err == nil && rel != "." && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
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
