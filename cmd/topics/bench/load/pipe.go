package load

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
)

// Flight is how many requests a connection may have in flight.
type Flight struct {
	Size int
	// together sends the next requests when all of them are answered;
	// otherwise one goes for each answer that has come.
	Together bool
}

// pipe is one connection that keeps its flight full. It sends in one write
// whatever may be sent, and reads whatever has come.
type pipe struct {
	Net      net.Conn
	protocol peer.Protocol
	flight   Flight
	requests []byte      // a whole flight of them
	began    []time.Time // of the requests in flight: a ring
	oldest   int
	took     []time.Duration // of requests that began and ended while measuring
	Acked    atomic.Int64    // records
	err      error
}

// OpenPipe connects and does what comes before the first request.
func OpenPipe(addr string, p peer.Protocol, f Flight) (*pipe, error) {
	c, err := net.DialTimeout("tcp", addr, ExchangeTimeout)
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

func newPipe(c net.Conn, p peer.Protocol, f Flight) *pipe {
	return &pipe{Net: c, protocol: p, flight: f, requests: bytes.Repeat(p.Request, f.Size), began: make([]time.Time, f.Size)}
}

// Run writes until the load is over. What is in flight then is left unanswered.
func (p *pipe) Run(phase *atomic.Int32) {
	defer p.Net.Close()
	var (
		free = p.flight.Size
		buf  = make([]byte, 64<<10)
		n    int
	)
	for phase.Load() != Over {
		if free == p.flight.Size || free > 0 && !p.flight.Together {
			if p.err = p.Send(free); p.err != nil {
				return
			}
			free = 0
		}
		got, err := p.Net.Read(buf[n:])
		if err != nil {
			p.err = err
			return
		}
		n += got
		acks, used, err := p.Answers(buf[:n], p.flight.Size-free, phase.Load() == Measuring)
		if err != nil {
			p.err = err
			return
		}
		free += acks
		n = copy(buf, buf[used:n])
	}
}

// Send sends some requests.
func (p *pipe) Send(n int) error {
	now := time.Now()
	for i := range n {
		p.began[(p.oldest+p.flight.Size-n+i)%p.flight.Size] = now
	}
	if err := p.Net.SetDeadline(now.Add(ExchangeTimeout)); err != nil {
		return err
	}
	_, err := p.Net.Write(p.requests[:n*len(p.protocol.Request)])
	return err
}

// Outcome is for after Run.
func (p *pipe) Outcome() ([]time.Duration, error) { return p.took, p.err }

var errUnasked = errors.New("an answer without a request")

// Answers reads the whole messages at the start of b.
func (p *pipe) Answers(b []byte, flying int, measuring bool) (acks, used int, err error) {
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
		p.oldest = (p.oldest + 1) % p.flight.Size
		acks++
	}
	p.Acked.Add(int64(acks * p.protocol.Records))
	return acks, used, nil
}

// Pipes are the connections of one load.
type Pipes []*pipe

// OpenPipes opens n pipes.
func OpenPipes(addr string, n int, speak func(n int) peer.Protocol, f Flight) (Pipes, error) {
	var all Pipes
	for i := range n {
		p, err := OpenPipe(addr, speak(i), f)
		if err != nil {
			for _, p := range all {
				_ = p.Net.Close() // nothing was written over it
			}
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// Acked returns how many requests of all were acknowledged.
func (all Pipes) Acked() int64 {
	n := int64(0)
	for _, p := range all {
		n += p.Acked.Load()
	}
	return n
}
