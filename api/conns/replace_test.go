package conns

import (
	"net"
	"testing"
)

// replacing is a connection that gets another handle while it is closed.
type replacing struct {
	net.Conn
	closing func()
}

func (r *replacing) Close() error {
	r.closing()
	return nil
}

// A handle that takes the place of one that is being closed, or was closed, is closed,
// too. The place of an open one it takes.
func TestReplace(t *testing.T) {
	w := newWorld(t, 1)
	open, late, later := new(fake), new(fake), new(fake)
	c := w.admit(new(fake))
	c.Replace(open)
	if open.closed > 0 {
		t.Error("the handle of an open connection is closed")
	}
	c.Replace(&replacing{closing: func() { c.Replace(late) }})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	c.Replace(later)
	if late.closed != 1 || later.closed != 1 {
		t.Error("a handle is left open")
	}
	// Likewise if it is closed to make room.
	c = w.admit(new(fake))
	w.time = w.time.Add(grace)
	c.Replace(&replacing{closing: func() { c.Replace(late) }})
	w.come(1)
	if late.closed != 2 {
		t.Error("a handle is left open")
	}
}
