//go:build unix

package work

import (
	"os"
	"syscall"
)

// shell runs the command that follows it.
var shell = []string{"/bin/sh", "-c"}

// passed are the signals that the commands get as they come.
var passed = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}
