//go:build !linux

package eventloop

import (
	"net"
	"time"
)

// There is no poller, so that no connection gets past duplicate.
type poller struct{}

type event struct {
	fd    int
	ended bool
}

func newPoller() (*poller, error)               { return nil, ErrUnsupported }
func (*poller) add(int) error                   { return ErrUnsupported }
func (*poller) remove(int)                      {}
func (*poller) wake()                           {}
func (*poller) close()                          {}
func (*poller) poll([]event) int                { return 0 }
func (*poller) wait([]event, time.Duration) int { return 0 }
func duplicate(*net.TCPConn) (int, error)       { return 0, ErrUnsupported }
func restore(int) (*net.TCPConn, error)         { return nil, ErrUnsupported }
func read(int, []byte) (int, error)             { return 0, ErrUnsupported }
func atEnd(int) bool                            { return true }
func shutdown(int)                              {}
func closeFD(int)                               {}

// Write returns ErrUnsupported.
func Write(int, []byte) (int, error) { return 0, ErrUnsupported }
