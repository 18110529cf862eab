package health

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// own are the names of the server's own checks and of the groups that stand
// beside them in paths.
var own = []string{
	"archive", "archive_dir", "checkpoints", "cold", "cold_dir", "connections", "data_dir", "descriptors",
	"disk_space", "liveness", "log", "memory", "readiness", "recovery", "reserve", "routers", "segments", "watchdog",
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,63}$`)

// ErrName is that a name is not of the form that names of checks have.
var ErrName = errors.New("a name has 1 to 64 of the characters a-z, 0-9, '_', '.' and '-', and begins with a letter")

// ErrTaken is that a name belongs to another kind of check.
var ErrTaken = errors.New("choose another name")

// ValidName returns an error unless a check that is not the server's own may
// have the name.
func ValidName(name string) error {
	switch {
	case !namePattern.MatchString(name):
		return ErrName
	case slices.Contains(own, name):
		return fmt.Errorf("%q is a check of the server's own: %w", name, ErrTaken)
	}
	return nil
}
