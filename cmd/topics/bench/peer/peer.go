// Package peer has the servers that bench compares with: how each is found and
// started so that a write is synced before it is acknowledged, and as much of its
// protocol as a load needs. Requests are rendered once and answers are read only as
// far as needed, because client and server share the machine.
package peer

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"time"
)

// timeout bounds the handshake of a connection.
const timeout = 10 * time.Second

// Peer is a server to compare with.
type Peer struct {
	Name    string
	program string
	debian  string // its package, if there is one
	// arguments are those of the program, given an empty directory and a port.
	arguments func(dir, port string) ([]string, error)
	// prepare makes the place that writes go to; nil if the first write makes it.
	prepare func(addr string) error
	// speak is the protocol of connection n, whose writes have data of some bytes.
	speak func(n, bytes int) Protocol
}

// peers are all there are, by name.
var peers = map[string]*Peer{redis.Name: redis, nats.Name: nats, beanstalkd.Name: beanstalkd}

// Find returns the peer of a name, or an error if its program is not installed.
func Find(name string) (*Peer, error) {
	p, ok := peers[name]
	if !ok {
		return nil, fmt.Errorf("there is no peer %q", name)
	}
	if _, err := exec.LookPath(p.program); err != nil {
		hint := ""
		if p.debian != "" {
			hint = " (Debian has it in the package " + p.debian + ")"
		}
		return nil, fmt.Errorf("%s is not installed, so it is left out%s", p.program, hint)
	}
	return p, nil
}

// Start starts the server with its data in dir, which is empty.
func (p *Peer) Start(dir string) (*Process, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	process, err := Start(p.program, func(port string) ([]string, error) { return p.arguments(dir, port) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	if p.prepare == nil {
		return process, nil
	}
	if err := p.prepare(process.Addr); err != nil {
		process.Stop()
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	return process, nil
}

// Speak returns the protocol of connection n, whose writes have data of some bytes.
func (p *Peer) Speak(n, bytes int) Protocol { return p.speak(n, bytes) }

// Protocol is what one connection sends to write, and how it reads the answers.
type Protocol struct {
	// Open does what comes before the first request; nil if nothing does.
	Open func(net.Conn) error
	// Request writes Records records.
	Request []byte
	Records int
	// Answer reads the message at the start of b.
	Answer func(b []byte) (Answer, error)
}

// Answer is one message of a server.
type Answer struct {
	Size int  // 0 if the message is incomplete
	Acks bool // it acknowledges a request; otherwise it is to be passed over
}
