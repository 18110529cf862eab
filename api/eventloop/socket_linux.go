package eventloop

import (
	"io"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// duplicate returns a descriptor of the connection's socket.
func duplicate(tcp *net.TCPConn) (int, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	var fd int
	var failed error
	if err := raw.Control(func(from uintptr) { fd, failed = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return 0, err
	}
	return fd, failed
}

// restore makes a connection of a descriptor, which it closes.
func restore(fd int) (*net.TCPConn, error) {
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// read reads from a socket that does not block.
func read(fd int, p []byte) (int, error) {
	n, err := transfer(unix.SYS_READ, fd, p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write writes to a socket that does not block. It returns ErrNothing if there is no room.
func Write(fd int, p []byte) (int, error) { return transfer(unix.SYS_WRITE, fd, p) }

// transfer makes a system call that does not wait, so that the runtime need not be told
// of it.
func transfer(call uintptr, fd int, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, ErrNothing
		default:
			return 0, errno
		}
	}
}

// atEnd reports whether there will be nothing more to read.
func atEnd(fd int) bool {
	n, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == nil && n == 0 || err != nil && err != unix.EAGAIN && err != unix.EINTR
}

func shutdown(fd int) { _ = unix.Shutdown(fd, unix.SHUT_RDWR) } // the peer may have been faster

func closeFD(fd int) { _ = unix.Close(fd) } // nothing is kept back by a socket
