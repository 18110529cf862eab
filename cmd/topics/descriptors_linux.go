package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// raiseDescriptors raises the soft limit to the hard limit and returns what it is
// then.
func raiseDescriptors() (limit uint64, err error) {
	var l unix.Rlimit
	err = unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	if err != nil || l.Cur >= l.Max {
		return l.Cur, err
	}
	raised := unix.Rlimit{Cur: l.Max, Max: l.Max}
	err = unix.Setrlimit(unix.RLIMIT_NOFILE, &raised)
	if err != nil {
		return l.Cur, err
	}
	return l.Max, nil
}

func openDescriptors() (*os.File, error) { return os.Open("/proc/self/fd") }
