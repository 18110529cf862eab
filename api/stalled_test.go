package api

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/openapi"
)

// Frame types and flags of HTTP/2 (RFC 9113, section 6).
const (
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	endOfRequest  = 0x1 | 0x4 // END_STREAM, END_HEADERS
)

// stalledClient is an HTTP/2 connection whose client asks and takes no byte of
// an answer's body: its window is 0.
type stalledClient struct {
	net.Conn
	next uint32 // stream
}

func stall(t *testing.T, addr string) *stalledClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &stalledClient{Conn: conn, next: 1}
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	c.frame(t, frameSettings, 0, 0, []byte{0, 4, 0, 0, 0, 0}) // INITIAL_WINDOW_SIZE = 0
	return c
}

func (c *stalledClient) frame(t *testing.T, kind, flags byte, stream uint32, payload []byte) {
	t.Helper()
	n := len(payload)
	head := binary.BigEndian.AppendUint32([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}, stream)
	if _, err := c.Write(append(head, payload...)); err != nil {
		t.Fatal(err)
	}
}

// get asks for a path on a stream of its own.
func (c *stalledClient) get(t *testing.T, path string) {
	t.Helper()
	literal := func(b []byte, index byte, value string) []byte {
		return append(append(b, index, byte(len(value))), value...)
	}
	block := []byte{0x82, 0x86} // :method GET, :scheme http
	block = literal(literal(block, 0x04, path), 0x01, "127.0.0.1")
	c.frame(t, frameHeaders, endOfRequest, c.next, block)
	c.next += 2
}

// resets reads what the server sends, and counts the streams that it resets
// because their time is over and those that it refuses.
func (c *stalledClient) resets(of func(code uint32)) error {
	src := bufio.NewReader(c)
	var head [9]byte
	for {
		if _, err := io.ReadFull(src, head[:]); err != nil {
			return err
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(src, payload); err != nil {
			return err
		}
		if head[3] == frameReset {
			of(binary.BigEndian.Uint32(payload))
		}
	}
}

// Clients that ask for the description again and again and take none of it
// cost next to nothing: the bytes are shared, no connection has more than its
// streams, and what stalls is reset in the end.
func TestStalledAnswersCostLittle(t *testing.T) {
	// All requests have to be there before the first stalled answer is given up.
	scaled(t, 3*time.Second, stallThousands)
}

// stallThousands is a try of TestStalledAnswersCostLittle with a limit for writing
// an answer.
func stallThousands(t *testing.T, limit time.Duration) error {
	const conns = 8
	requests := 1000
	if testing.Short() {
		requests = 2 * maxStreams
	}
	s, _ := openServer(func(o *Options) { o.Limits.WriteTimeout = limit })
	addr, _ := listen(t, s, s.HTTPServer())
	resp, err := http.Get("http://" + addr + "/v0/openapi.json") // so that all is made that is made once
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	before := liveHeap()
	refused, reset := make(chan struct{}, conns*requests), make(chan struct{}, conns*requests)
	for range conns {
		c := stall(t, addr)
		go func() {
			_ = c.resets(func(code uint32) { // until the connection ends
				if code == 7 { // REFUSED_STREAM
					refused <- struct{}{}
				} else {
					reset <- struct{}{}
				}
			})
		}()
		for range requests {
			c.get(t, "/v0/openapi.json")
		}
	}
	late := time.After(limit + patience)
	for n := range conns * (requests - maxStreams) {
		select {
		case <-refused:
		case <-reset:
			return fmt.Errorf("a stream was given up when %d had been refused", n)
		case <-late:
			t.Fatalf("%d streams were refused", n)
		}
	}
	grown := int64(liveHeap()) - int64(before)
	document := int64(len(openapi.Document()))
	t.Logf("%d streams of %d bytes: the heap has grown by %d", conns*maxStreams, document, grown)
	if most := int64(conns*maxStreams) * 32 << 10; grown > most {
		t.Errorf("the heap has grown by %d bytes, at most %d are allowed", grown, most)
	}
	for n := range conns * maxStreams {
		select {
		case <-reset:
		case <-late:
			t.Fatalf("%d streams were given up", n)
		}
	}
	client, err := http.Get("http://" + addr + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	client.Body.Close()
	return nil
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// An answer that its client does not take has its slot and its memory until the
// client goes.
func TestAnswersCountUntilWritten(t *testing.T) {
	s, _ := keyedServer(t, "aaaa", func(o *Options) { o.Limits.WriteTimeout = 2 * patience })
	large := strings.Repeat("x", 8<<20)
	s.main.router.Handle("GET", "/large", func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
		s.answer(w, r, &call.Route{Method: "GET", Pattern: "/large", Kind: call.Data, Scope: auth.Read, Serve: func(c *call.Call) error {
			c.WriteHeader(http.StatusOK)
			_, err := c.Write([]byte(large))
			return err
		}}, nil)
	})
	addr, _ := listen(t, s, s.HTTPServer())
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	fmt.Fprintf(conn, "GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer aaaa\r\n\r\n")
	waitFor(t, func() bool { return s.bounds.Usage().Memory >= int64(len(large))-call.FirstRead })
	if n := s.inUse(); n != 1 {
		t.Errorf("%d slots are in use while the answer is being written", n)
	}
	_ = conn.Close()
	waitFor(t, func() bool { return s.inUse() == 0 && s.bounds.Usage().Memory == 0 })
}
