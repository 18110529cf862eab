//go:build unix && !linux

package http1

import "syscall"

// writeNow writes to a socket without waiting.
func writeNow(fd uintptr, p []byte) (int, error) {
	n, err := syscall.Write(int(fd), p)
	for err == syscall.EINTR {
		n, err = syscall.Write(int(fd), p)
	}
	if err == syscall.EAGAIN {
		err = errNothing
	}
	return n, err
}
