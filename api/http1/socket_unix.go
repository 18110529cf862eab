//go:build unix

package http1

import (
	"io"
	"syscall"
)

// supported is true if sockets can be read without waiting.
const supported = true

// readNow reads from a socket without waiting. The error at the end is io.EOF.
func readNow(fd uintptr, p []byte) (int, error) {
	n, err := syscall.Read(int(fd), p)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), p)
	}
	return found(n, err)
}

// peekNow is readNow, but leaves the bytes to be read again.
func peekNow(fd uintptr, p []byte) (int, error) {
	n, _, err := syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK)
	for err == syscall.EINTR {
		n, _, err = syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK)
	}
	return found(n, err)
}

// found makes the result of a system call that of io.Reader.
func found(n int, err error) (int, error) {
	switch {
	case err == syscall.EAGAIN:
		return 0, errNothing
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
