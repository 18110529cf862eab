package attack

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// foe is the hostile side of one attack.
type foe struct {
	ctx      context.Context // ends with the attack
	addr     string
	scale    float64
	crowds   sync.WaitGroup
	attempts atomic.Int64 // connections opened
}

// breath is the pause of a hostile client between two attempts.
const breath = 20 * time.Millisecond

// held is how long a stalling client keeps its connection.
const held = 15 * time.Second

// crowd runs n clients, times the scale, each of which calls each repeatedly.
func (f *foe) crowd(n int, each func(i int)) {
	for i := range max(int(float64(n)*f.scale), 1) {
		f.crowds.Go(func() {
			for f.ctx.Err() == nil {
				each(i)
				f.pause(breath)
			}
		})
	}
}

func (f *foe) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-f.ctx.Done():
	}
}

// dial opens a connection with a small receive buffer; conn is nil if that fails.
// The connection is closed at the end of the attack.
func (f *foe) dial() (conn net.Conn, done func()) {
	f.attempts.Add(1)
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(f.ctx, "tcp", f.addr)
	if err != nil {
		return nil, nil
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
		_ = tcp.SetLinger(0) // so that ports do not run out
	}
	stop := context.AfterFunc(f.ctx, func() { conn.Close() })
	return conn, func() { stop(); conn.Close() }
}

// send sends a complete request and reads until the server closes the connection.
func (f *foe) send(request []byte) {
	conn, done := f.dial()
	if conn == nil {
		return
	}
	defer done()
	if _, err := conn.Write(request); err == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// stall sends a request, or the beginning of one, and then neither sends nor reads
// anything.
func (f *foe) stall(request []byte) {
	conn, done := f.dial()
	if conn == nil {
		return
	}
	defer done()
	if _, err := conn.Write(request); err == nil {
		f.pause(held)
	}
}

// request renders a request with the hostile key for a connection that is not used
// again.
func request(method, target, header string, body []byte) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nConnection: close\r\n%s", method, target, hostileKey, header)
	if body != nil {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b = append(b, "\r\n"...)
	return append(b, body...)
}
