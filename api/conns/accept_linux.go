package conns

import "syscall"

// passing are the errors of accept(2) after which another attempt may succeed:
// the system is short of a resource, or the connection had an error, which
// Linux reports here. Any other error ends the listener.
var passing = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.ECONNABORTED, syscall.EINTR, syscall.EPERM, syscall.EPROTO, syscall.ENOPROTOOPT, syscall.EOPNOTSUPP,
	syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENONET, syscall.ETIMEDOUT,
}

// shortErrors is how many of passing, from the first, are of a shortage.
const shortErrors = 4

func acceptOn(fd int) (int, error) {
	accepted, _, err := syscall.Accept4(fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
	return accepted, err
}
