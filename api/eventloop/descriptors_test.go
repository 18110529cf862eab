//go:build linux

package eventloop

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// withoutDescriptors calls do while the process can open nothing.
func withoutDescriptors(t *testing.T, do func()) {
	t.Helper()
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

// A connection that cannot be taken is as it was.
func TestNoDescriptorToTake(t *testing.T) {
	w := open(t, 1)
	c, tcp := w.pair()
	withoutDescriptors(t, func() {
		if _, err := w.group.Take(tcp); !errors.Is(err, unix.EMFILE) {
			t.Error(err)
		}
	})
	if _, err := tcp.Write([]byte("0001")); err != nil {
		t.Error(err)
	}
	c.want("0001")
	_ = tcp.Close()
}

// A connection that cannot be started leaves.
func TestNoDescriptorToStart(t *testing.T) {
	w := open(t, 1)
	c, h := w.take()
	withoutDescriptors(t, func() {
		if err := w.group.Start(h.conn, Quick, h); !errors.Is(err, unix.EMFILE) {
			t.Error(err)
		}
	})
	if n := w.group.Len(); n != 0 {
		t.Errorf("%d connections", n)
	}
	h.leave()
	c.send("0001")
	c.want("0001")
	_ = c.Close()
}

// A connection that cannot leave is closed.
func TestNoDescriptorToLeave(t *testing.T) {
	w := open(t, 1)
	for _, started := range []bool{false, true} {
		c, h := w.take()
		left := make(chan error, 1)
		if started {
			w.begin = func(h *echo) {
				_, err := h.conn.Leave()
				left <- err
			}
			h.start()
		}
		withoutDescriptors(t, func() {
			if started {
				c.send("0001")
			} else {
				_, err := h.conn.Leave()
				left <- err
			}
			if err := receive(t, "leaving", left); !errors.Is(err, unix.EMFILE) {
				t.Error(err)
			}
		})
		c.wantEnd()
		_ = h.conn.Close()
		h.conn.End()
	}
}
