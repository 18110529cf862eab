package conns

import (
	"cmp"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// Pauses between failing attempts to accept.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = 200 * time.Millisecond
)

// lastChance is how long connections that the kernel has queued are still
// accepted at the end. The queue has at most a few thousand.
const lastChance = time.Second

// complainEvery is the minimum interval between log entries about failing
// attempts.
const complainEvery = 10 * time.Second

// short are those of passing that closing a connection may resolve.
var short = passing[:shortErrors]

// Listen returns a listener that admits the connections of l to the Set.
func (s *Set) Listen(l net.Listener) net.Listener {
	listening := &listener{Listener: l, set: s, closed: make(chan struct{}), ended: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, listening)
	return listening
}

type listener struct {
	net.Listener
	set        *Set
	complained time.Time // last log entry
	once       sync.Once
	closed     chan struct{} // closed by Close and Finish
	until      time.Time     // when Accept leaves what the kernel has queued; set before closed is closed
	end        sync.Once
	ended      chan struct{} // closed when no more connections are accepted
}

// Accept implements net.Listener. It survives a shortage of resources: it
// closes a waiting connection, or tries again after a pause.
func (l *listener) Accept() (net.Conn, error) {
	pause := firstPause
	for {
		nc, err := l.Listener.Accept()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			nc, err = l.acceptQueued()
		}
		if err == nil {
			l.waitForRoom()
			return l.set.admit(nc), nil
		}
		if !oneOf(err, passing) {
			l.end.Do(func() { close(l.ended) })
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

// waitForRoom waits in a flood until the connection that would be closed to admit
// another one has had its time, or until there is room.
func (l *listener) waitForRoom() {
	for {
		d, eased := l.set.crowded()
		if d <= 0 {
			return
		}
		select {
		case <-time.After(d):
		case <-eased:
		case <-l.closed:
			return
		}
	}
}

// wait waits for d, or until the listener is closed.
func (l *listener) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-l.closed:
	}
}

// Close implements net.Listener. After finish the listener may be closed already,
// which is no error: http.Server.Shutdown would return it.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	err := l.Listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// finish makes Accept return the connections that the kernel has queued, and then
// close the listener. In a flood there are always some: Accept leaves what is
// queued after lastChance.
func (l *listener) finish() {
	l.once.Do(func() {
		l.until = l.set.now().Add(lastChance)
		close(l.closed)
	})
	tcp, ok := l.Listener.(*net.TCPListener)
	if !ok || tcp.SetDeadline(time.Unix(1, 0)) != nil {
		_ = l.Listener.Close() // Accept returns the error
	}
}

// acceptQueued accepts a connection without waiting. If none is queued, if the
// system is short of a resource, or after lastChance, it closes the listener at
// once: a connection that arrives in between is reset.
func (l *listener) acceptQueued() (nc net.Conn, err error) {
	<-l.closed // until is set
	if l.set.now().After(l.until) {
		return nil, l.stop()
	}
	nc, err = acceptNow(l.Listener.(*net.TCPListener))
	if errors.Is(err, errNoneQueued) || oneOf(err, short) {
		return nil, l.stop()
	}
	return nc, err
}

// stop closes the listener and returns the error that Accept then ends with.
func (l *listener) stop() error { return cmp.Or(l.Close(), net.ErrClosed) }

func (l *listener) complain(err error) {
	if now := l.set.now(); now.Sub(l.complained) >= complainEvery {
		l.complained = now
		l.set.log.Warn().Err(err).Msg("accepting a connection failed; will retry")
	}
}

func oneOf(err error, list []error) bool {
	return slices.ContainsFunc(list, func(e error) bool { return errors.Is(err, e) })
}
