//go:build linux

package eventloop

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// stalls makes some steps of handlers take long enough for others to take their loop
// on.
type stalls struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func (s *stalls) step(*echo) {
	s.mu.Lock()
	var d time.Duration
	if s.rand.IntN(60) == 0 {
		d = time.Duration(s.rand.Int64N(int64(3 * patience)))
	}
	s.mu.Unlock()
	time.Sleep(d)
}

// pieces sends the text in pieces of any size.
func (c *client) pieces(text string, rand *rand.Rand) {
	for len(text) > 0 {
		n := min(1+rand.IntN(40), len(text))
		if _, err := io.WriteString(c, text[:n]); err != nil {
			return // the server has closed it
		}
		text = text[n:]
		if rand.IntN(20) == 0 {
			time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		}
	}
}

// However clients send, handlers stall, connections leave and come back, and are closed:
// each gets the answers to its requests once, in their order, and at the end nothing is
// left.
func TestAnyClients(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := open(t, 2)
			w.group.Quiet = 3 * time.Millisecond
			stalls := &stalls{rand: rand.New(rand.NewPCG(seed, 0))}
			w.begin, w.finish = stalls.step, stalls.step
			var clients sync.WaitGroup
			for i := range 3 * crowd / 2 {
				r := rand.New(rand.NewPCG(seed, uint64(i+1)))
				c, h := w.take()
				h.again = r.IntN(5) > 0
				closed := r.IntN(10) == 0
				half := !closed && r.IntN(2) == 0
				conn := h.conn
				h.start()
				clients.Go(func() {
					many := numbers(1 + r.IntN(60))
					sent := make(chan struct{})
					go func() {
						defer close(sent)
						c.pieces(many, r)
						if half {
							_ = c.CloseWrite()
						}
					}()
					if closed {
						_ = conn.Close()
					}
					answers := make([]byte, len(many))
					n, err := io.ReadFull(c, answers)
					<-sent
					switch {
					case !bytes.HasPrefix([]byte(many), answers[:n]):
						t.Errorf("%q to %q", answers[:n], many)
					case err != nil && !closed:
						t.Errorf("%v after %d bytes of %d", err, n, len(many))
					case half:
						c.wantEnd()
					}
					_ = c.Close()
					receive(t, "the end", h.ended)
				})
			}
			clients.Wait()
		})
	}
}
