//go:build linux

package http1

import (
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// withoutDescriptors calls do while the process can open nothing. The listener is closed
// before: it would close a connection that waits, to accept another one.
func (w *world) withoutDescriptors(t *testing.T, do func()) {
	t.Helper()
	waitFor(t, "the connection", func() bool { return w.set.Stats().Open == 1 })
	if err := w.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := unix.Rlimit{Cur: 3, Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// A connection for which there is no other descriptor does not get into a loop.
func TestNoDescriptorForALoop(t *testing.T) {
	w := serve(t, echo, looped, nil)
	c := w.dial(t)
	w.withoutDescriptors(t, func() {
		for range 3 {
			c.send(get)
			c.want(200, "GET /a ")
		}
		if n := w.Loops.Len(); n != 0 {
			t.Errorf("%d connections in loops", n)
		}
	})
	c.send(get)
	c.want(200, "GET /a ")
	w.waitForLooped(t, 1)
}

// A connection in a loop that has to leave it and cannot ends. What its handler has begun
// is finished.
func TestNoDescriptorToLeaveALoop(t *testing.T) {
	for _, request := range []string{
		"GET /synced HTTP/1.1\r\nHost: localhost\r\n\r\n", "BREW /b HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		w := serve(t, echo, looped, nil)
		var begun, finished atomic.Int32
		w.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			begun.Add(1)
			finish := func() {
				echo(rw, r)
				finished.Add(1)
			}
			if !rw.(*response).Later(r.URL.Path == "/synced", finish) {
				finish()
			}
		})
		c := w.dialLooped(t, 1)
		w.withoutDescriptors(t, func() {
			c.send(request)
			c.wantEnd()
		})
		waitFor(t, "the end", func() bool { return w.set.Stats().Open == 0 })
		if n := begun.Load(); n != finished.Load() {
			t.Errorf("%d of %d requests are finished", finished.Load(), n)
		}
	}
}
