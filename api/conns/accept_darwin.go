package conns

import (
	"errors"
	"syscall"
)

// passing are the errors of accept(2) after which another attempt may succeed:
// the system is short of a resource, or the connection had an error. Any other
// error ends the listener.
var passing = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.ECONNABORTED, syscall.EINTR, syscall.EPERM, syscall.EPROTO, syscall.ENETDOWN, syscall.ETIMEDOUT,
}

// shortErrors is how many of passing, from the first, are of a shortage.
const shortErrors = 4

// acceptOn holds syscall.ForkLock, so that no process that is started meanwhile
// inherits the connection.
func acceptOn(fd int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	accepted, _, err := syscall.Accept(fd)
	if err != nil {
		return -1, err
	}
	syscall.CloseOnExec(accepted)
	err = syscall.SetNonblock(accepted, true)
	if err != nil {
		return -1, errors.Join(err, syscall.Close(accepted))
	}
	return accepted, nil
}
