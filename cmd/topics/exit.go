package main

import (
	"errors"

	"github.com/e6e95bb8/topics/recovery"
)

// Exit codes other than 0 and 1, which is any other failure. A supervisor tells
// by them whether another start could help.
const (
	usageError      = 2 // an invalid command line or configuration
	recoveryRefused = 3 // the data directory was refused
)

// refusal is the error of a recovery that refused the data.
type refusal struct{ error }

func (e refusal) Unwrap() error { return e.error }
func (e refusal) ExitCode() int { return recoveryRefused }

// refused returns the error of a failed recovery with its exit code. A directory
// that another process has was not refused: the next start may get it.
func refused(err error) error {
	if errors.As(err, new(*recovery.InUseError)) {
		return err
	}
	return refusal{err}
}
