//go:build unix

package conns

import (
	"net"
	"os"
	"syscall"
)

// errNoneQueued is the error of acceptNow if no connection is queued.
const errNoneQueued = syscall.EAGAIN

// acceptNow accepts a connection without waiting.
func acceptNow(l *net.TCPListener) (net.Conn, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if controlErr := raw.Control(func(listening uintptr) { fd, err = acceptOn(int(listening)) }); controlErr != nil {
		return nil, controlErr
	}
	if err != nil {
		return nil, os.NewSyscallError("accept", err)
	}
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close() // FileConn duplicates it
	return net.FileConn(f)
}
