package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// storm makes connections of all kinds and cuts them.
type storm struct {
	t       *testing.T
	addr    string
	seed    uint64
	streams []string     // paths of streams, one for each session
	http2   *http.Client // HTTP/2 cleartext, for the current run
}

func newStorm(t *testing.T, addr string) *storm {
	s := &storm{t: t, addr: addr, seed: rand.Uint64()}
	t.Logf("seed %d", s.seed)
	return s
}

// Number of the storm's workers, and of connections that each keeps open.
const (
	stormWorkers = 32
	stormOpen    = 8
)

// run makes the connections with the numbers from to to. All of them are closed
// when it returns.
func (s *storm) run(from, to int) {
	var dialed dialer
	s.http2 = dialed.client()
	defer dialed.close()
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range stormWorkers {
		wg.Go(func() {
			// A connection lives until a later one replaces it.
			var open [stormOpen]func()
			for n := range numbers {
				r := rand.New(rand.NewPCG(s.seed, uint64(n)))
				cut := s.connect(r)
				place := &open[r.IntN(stormOpen)]
				if *place != nil {
					(*place)()
				}
				*place = cut
			}
			for _, cut := range open {
				if cut != nil {
					cut()
				}
			}
		})
	}
	for n := from; n < to; n++ {
		numbers <- n
	}
	close(numbers)
	wg.Wait()
}

// connect makes one connection, brings it to a random state, and returns a
// function that cuts it.
func (s *storm) connect(r *rand.Rand) (cut func()) {
	if r.IntN(8) == 0 {
		return s.connect2(r)
	}
	request, whole, answered := s.request(r)
	conn, err := net.DialTimeout("tcp", s.addr, patience)
	if err != nil {
		s.t.Error(err)
		return func() {}
	}
	if !whole || r.IntN(3) == 0 {
		request, answered = request[:r.IntN(len(request))], false
	}
	// The server may refuse the request and close the connection early.
	_, _ = conn.Write(request)
	if answered && r.IntN(2) == 0 {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadFull(conn, make([]byte, 1+r.IntN(64))); err != nil {
			s.t.Errorf("no answer to %.60q: %v", request, err)
		}
	}
	if r.IntN(2) == 0 {
		_ = conn.(*net.TCPConn).SetLinger(0) // reset instead of an orderly close
	}
	return func() { _ = conn.Close() }
}

// request returns what a connection sends. whole reports whether all of it may
// be sent, and answered whether the server then answers at once.
func (s *storm) request(r *rand.Rand) (request []byte, whole, answered bool) {
	text := func(method, path, header, body string) []byte {
		return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\n\r\n%s", method, path, s.addr, secret, header, len(body), body)
	}
	const isJSON = "Content-Type: application/json\r\n"
	switch r.IntN(6) {
	case 0, 1:
		return text("GET", s.streams[r.IntN(len(s.streams))], "Accept: text/event-stream\r\n", ""), true, true
	case 2:
		b := fmt.Appendf(nil, "GET /v0/ws?token=%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", secret, s.addr)
		for _, message := range []string{`{"op":"subscribe","topic":"busy","from_seq":0}`, `{"op":"publish","topic":"busy","records":[{"data":1}]}`, `{"op":"ping"}`} {
			b = append(b, masked(message, [4]byte{1, 2, 3, byte(r.Uint32())})...)
		}
		return b, true, true
	case 3: // waits for records that never come
		return text("GET", "/v0/topics/quiet/diff?from_seq=1&wait_ms=30000", "", ""), true, false
	case 4:
		return text("POST", "/v0/topics/busy", isJSON, `{"records":[{"data":{"some":"thing"},"tag":"t"}],"node":"n"}`), true, true
	default: // never complete, because sessions are counted
		return text("POST", "/v0/watch", isJSON, `{"topics":{"busy":{"from_seq":0}},"prefixes":{"q":{"tail":true}}}`), false, false
	}
}

// masked returns a WebSocket text message of less than 126 bytes, as clients
// send it.
func masked(message string, mask [4]byte) []byte {
	b := append([]byte{0x81, 0x80 | byte(len(message))}, mask[:]...)
	for i := range len(message) {
		b = append(b, message[i]^mask[i%4])
	}
	return b
}

// dialer makes connections for HTTP/2 cleartext and can close all of them. A
// transport alone cannot: it finishes dialling for requests that were cut, and
// keeps the connection for others.
type dialer struct {
	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

func (d *dialer) client() *http.Client {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return described(&http.Transport{Protocols: &protocols, DialContext: d.dial}, nil)
}

func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var plain net.Dialer
	conn, err := plain.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = conn.Close() // it is not needed any more
		return nil, net.ErrClosed
	}
	d.conns = append(d.conns, conn)
	return conn, nil
}

func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, conn := range d.conns {
		_ = conn.Close() // the server may have closed it
	}
}

// connect2 opens one stream of HTTP/2.
func (s *storm) connect2(r *rand.Rand) (cut func()) {
	path := "/v0/topics/quiet/diff?from_seq=1&wait_ms=30000"
	if r.IntN(2) == 0 {
		path = s.streams[r.IntN(len(s.streams))]
	}
	n := r.IntN(64)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+path, nil)
		if err != nil {
			s.t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+secret)
		resp, err := s.http2.Do(req)
		if err != nil {
			return // cut before there was an answer
		}
		defer resp.Body.Close()
		_, _ = io.ReadFull(resp.Body, make([]byte, n)) // ends when it is cut, at the latest
	}()
	return func() {
		cancel()
		<-done
	}
}
