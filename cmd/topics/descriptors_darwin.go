package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// raiseDescriptors raises the soft limit as far as the kernel allows and returns
// what it is then. The hard limit is often unlimited, which the kernel does not mean.
func raiseDescriptors() (limit uint64, err error) {
	var l unix.Rlimit
	err = unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	if err != nil {
		return l.Cur, err
	}
	most, err := unix.SysctlUint32("kern.maxfilesperproc")
	if err != nil {
		return l.Cur, fmt.Errorf("kern.maxfilesperproc: %w", err)
	}
	raised := unix.Rlimit{Cur: min(l.Max, uint64(most)), Max: l.Max}
	if l.Cur >= raised.Cur {
		return l.Cur, nil
	}
	err = unix.Setrlimit(unix.RLIMIT_NOFILE, &raised)
	if err != nil {
		return l.Cur, err
	}
	return raised.Cur, nil
}

func openDescriptors() (*os.File, error) { return nil, errors.ErrUnsupported }
