package conns

import (
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Pauses between failing attempts to accept.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = 200 * time.Millisecond
)

// complainEvery is the minimum interval between log entries about failing
// attempts.
const complainEvery = 10 * time.Second

// passing are the errors of accept(2) after which another attempt may succeed:
// the system is short of a resource, or the connection had an error, which
// Linux reports here. Any other error ends the listener.
var passing = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.ECONNABORTED, syscall.EINTR, syscall.EPERM, syscall.EPROTO, syscall.ENOPROTOOPT, syscall.EOPNOTSUPP,
	syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENONET, syscall.ETIMEDOUT,
}

// short are those of passing that closing a connection may resolve.
var short = passing[:4]

// Listen returns a listener that admits the connections of l to the Set.
func (s *Set) Listen(l net.Listener) net.Listener {
	return &listener{Listener: l, set: s, closed: make(chan struct{})}
}

type listener struct {
	net.Listener
	set        *Set
	complained time.Time // last log entry
	once       sync.Once
	closed     chan struct{}
}

// Accept implements net.Listener. It survives a shortage of resources: it
// closes a waiting connection, or tries again after a pause.
func (l *listener) Accept() (net.Conn, error) {
	pause := firstPause
	for {
		nc, err := l.Listener.Accept()
		if err == nil {
			l.wait(l.set.crowded())
			return l.set.admit(nc), nil
		}
		if !oneOf(err, passing) {
			return nil, err
		}
		l.complain(err)
		if oneOf(err, short) && l.set.giveWay() {
			continue
		}
		l.wait(pause)
		pause = min(2*pause, lastPause)
	}
}

// wait waits for d, or until the listener is closed.
func (l *listener) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-l.closed:
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

func (l *listener) complain(err error) {
	if now := l.set.now(); now.Sub(l.complained) >= complainEvery {
		l.complained = now
		l.set.log.Warn().Err(err).Msg("accepting a connection failed; will retry")
	}
}

func oneOf(err error, list []error) bool {
	return slices.ContainsFunc(list, func(e error) bool { return errors.Is(err, e) })
}
