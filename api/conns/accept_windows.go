package conns

import (
	"errors"
	"net"

	"golang.org/x/sys/windows"
)

// passing are the errors of AcceptEx after which another attempt may succeed: the
// system is short of a resource, or the connection had an error. Any other error
// ends the listener.
var passing = []error{
	windows.WSAEMFILE, windows.WSAENOBUFS, windows.ERROR_NOT_ENOUGH_MEMORY,
	windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETDOWN, windows.ERROR_NETNAME_DELETED,
}

// shortErrors is how many of passing, from the first, are of a shortage.
const shortErrors = 3

var errNoneQueued = errors.New("no connection is queued")

// acceptNow accepts none: a socket of Windows that waits in the runtime's way cannot
// be asked without waiting. What the system has queued at the end is reset.
func acceptNow(*net.TCPListener) (net.Conn, error) { return nil, errNoneQueued }
