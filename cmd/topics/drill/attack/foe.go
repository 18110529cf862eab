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
	attempts atomic.Int64 // connections that were made
}

// breath is the pause of a hostile client between two attempts.
const breath = 20 * time.Millisecond

// held is how long a client that stalls does so before it tries anew.
const held = 15 * time.Second

// crowd has n clients, as scaled, do something again and again.
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

// dial makes a connection that takes little of what the server sends; nil if it
// gets none. It is closed with the attack.
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

// send sends a whole request and reads the answer until the server hangs up.
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

// stall sends a request, or the beginning of one, and then neither sends nor
// takes anything for a while.
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

// request renders a request of the hostile key. Its connection is not used
// again.
func request(method, target, header string, body []byte) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nConnection: close\r\n%s", method, target, hostileKey, header)
	if body != nil {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b = append(b, "\r\n"...)
	return append(b, body...)
}
