package bench

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
)

// flight is how many requests a connection may have in flight.
type flight struct {
	size int
	// together sends the next requests when all of them are answered;
	// otherwise one goes for each answer that has come.
	together bool
}

// pipe is one connection that keeps its flight full. It sends in one write
// whatever may be sent, and reads whatever has come.
type pipe struct {
	net      net.Conn
	protocol peer.Protocol
	flight   flight
	requests []byte      // a whole flight of them
	began    []time.Time // of the requests in flight: a ring
	oldest   int
	took     []time.Duration // of requests that began and ended while measuring
	acked    atomic.Int64    // records
	err      error
}

// openPipe connects and does what comes before the first request.
func openPipe(addr string, p peer.Protocol, f flight) (*pipe, error) {
	c, err := net.DialTimeout("tcp", addr, exchangeTimeout)
	if err != nil {
		return nil, err
	}
	if p.Open != nil {
		if err := p.Open(c); err != nil {
			_ = c.Close() // nothing was written over it
			return nil, err
		}
	}
	return newPipe(c, p, f), nil
}

func newPipe(c net.Conn, p peer.Protocol, f flight) *pipe {
	return &pipe{net: c, protocol: p, flight: f, requests: bytes.Repeat(p.Request, f.size), began: make([]time.Time, f.size)}
}

// run writes until the load is over. What is in flight then is left unanswered.
func (p *pipe) run(phase *atomic.Int32) {
	defer p.net.Close()
	var (
		free = p.flight.size
		buf  = make([]byte, 64<<10)
		n    int
	)
	for phase.Load() != over {
		if free == p.flight.size || free > 0 && !p.flight.together {
			if p.err = p.send(free); p.err != nil {
				return
			}
			free = 0
		}
		got, err := p.net.Read(buf[n:])
		if err != nil {
			p.err = err
			return
		}
		n += got
		acks, used, err := p.answers(buf[:n], p.flight.size-free, phase.Load() == measuring)
		if err != nil {
			p.err = err
			return
		}
		free += acks
		n = copy(buf, buf[used:n])
	}
}

// send sends some requests.
func (p *pipe) send(n int) error {
	now := time.Now()
	for i := range n {
		p.began[(p.oldest+p.flight.size-n+i)%p.flight.size] = now
	}
	if err := p.net.SetDeadline(now.Add(exchangeTimeout)); err != nil {
		return err
	}
	_, err := p.net.Write(p.requests[:n*len(p.protocol.Request)])
	return err
}

// outcome is for after run.
func (p *pipe) outcome() ([]time.Duration, error) { return p.took, p.err }

var errUnasked = errors.New("an answer without a request")

// answers reads the whole messages at the start of b.
func (p *pipe) answers(b []byte, flying int, measuring bool) (acks, used int, err error) {
	now := time.Now()
	for used < len(b) {
		a, err := p.protocol.Answer(b[used:])
		if err != nil {
			return 0, 0, err
		}
		if a.Size == 0 {
			break
		}
		used += a.Size
		if !a.Acks {
			continue
		}
		if acks == flying {
			return 0, 0, errUnasked
		}
		if measuring {
			p.took = append(p.took, now.Sub(p.began[p.oldest]))
		}
		p.oldest = (p.oldest + 1) % p.flight.size
		acks++
	}
	p.acked.Add(int64(acks * p.protocol.Records))
	return acks, used, nil
}

// pipes are the connections of one load.
type pipes []*pipe

func openPipes(addr string, n int, speak func(n int) peer.Protocol, f flight) (pipes, error) {
	var all pipes
	for i := range n {
		p, err := openPipe(addr, speak(i), f)
		if err != nil {
			for _, p := range all {
				_ = p.net.Close() // nothing was written over it
			}
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (all pipes) acked() int64 {
	n := int64(0)
	for _, p := range all {
		n += p.acked.Load()
	}
	return n
}
