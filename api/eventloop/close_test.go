//go:build linux

package eventloop

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// socketOf returns which socket a descriptor is of, or 0 if it is free.
func socketOf(fd int) uint64 {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil {
		return 0
	}
	return stat.Ino
}

// Close frees the descriptor at once, whatever the loop does. Who gets the number next
// hears nothing from the connection that had it.
func TestCloseFreesTheDescriptor(t *testing.T) {
	for _, step := range steps {
		t.Run("in "+step.name, func(t *testing.T) {
			w, g := open(t, 1), newGate()
			defer g.open()
			step.stop(w, "stop", g)
			c, h := w.dial()
			waiting, idle := w.dial()
			waiting.send("0001")
			waiting.want("0001")
			c.send("stop")
			receive(t, "the step", g.reached)
			for _, conn := range []*Conn{h.conn, idle.conn} {
				was := socketOf(conn.fd)
				_ = conn.Close()
				if is := socketOf(conn.fd); is == was {
					t.Errorf("descriptor %d is still that of socket %d", conn.fd, was)
				}
			}
			c.wantEnd()
			waiting.wantEnd()
			receive(t, "the news that the client is gone", h.gone)
			receive(t, "the end", idle.ended)
			next, _ := w.dial()
			last, _ := w.dial() // now both numbers are used again
			g.open()
			receive(t, "the end", h.ended)
			for _, c := range []*client{next, last} {
				c.send("0002")
				c.want("0002")
				_ = c.Close()
			}
		})
	}
}

// Connections are closed by others while they are served, and their numbers are used
// again at once: nobody gets an answer to a request of another one.
func TestNumbersAreUsedAgain(t *testing.T) {
	w := open(t, 2)
	stalls := &stalls{rand: rand.New(rand.NewPCG(1, 2))}
	w.begin, w.finish = stalls.step, stalls.step
	var accepting sync.Mutex // so that both ends are of one connection
	var serial atomic.Int64
	var clients sync.WaitGroup
	for i := range 16 {
		r := rand.New(rand.NewPCG(3, uint64(i)))
		clients.Go(func() {
			for range 50 {
				accepting.Lock()
				c, h := w.take()
				accepting.Unlock()
				conn := h.conn
				request := fmt.Sprintf("%0*d", size, serial.Add(1))
				h.start()
				rounds := r.IntN(20)
				for range rounds {
					c.send(request)
					c.want(request)
				}
				for range 5 {
					c.send(request)
				}
				closed := make(chan struct{})
				go func() {
					defer close(closed)
					_ = conn.Close()
					_ = c.CloseWrite() // it may have left its loop
				}()
				got, _ := io.ReadAll(c) // it may be reset
				for i := range got {
					if got[i] != request[i%size] {
						t.Errorf("%q to %q", got, request)
						break
					}
				}
				<-closed
				_ = c.Close()
				receive(t, "the end", h.ended)
			}
		})
	}
	clients.Wait()
}
