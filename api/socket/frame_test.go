package socket

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// countedConn keeps what is written to it.
type countedConn struct {
	net.Conn
	writes int
	bytes.Buffer
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.writes++
	return c.Buffer.Write(b)
}

func (c *countedConn) Read(b []byte) (int, error) { return c.Buffer.Read(b) }

func (c *countedConn) Close() error { return nil }

// readFrame reads a frame that is a whole text message, with the least head.
func readFrame(t *testing.T, in *bytes.Buffer) []byte {
	t.Helper()
	head := in.Next(2)
	n, least := int(head[1]), 0
	switch head[1] {
	case frameLong:
		b := in.Next(2)
		n, least = int(b[0])<<8|int(b[1]), frameLong
	case frameLonger:
		n, least = 0, 1<<16
		for _, x := range in.Next(8) {
			n = n<<8 | int(x)
		}
	}
	if head[0] != frameText || n < least || in.Len() < n {
		t.Fatalf("frame %x of %d bytes, of which %d are there", head, n, in.Len())
	}
	return in.Next(n)
}

// Answers that are due at the same time go out in one write, each as a message of
// its own, and large ones in several.
func TestAnswersInOneWrite(t *testing.T) {
	conn := &countedConn{}
	so := &Socket{set: newSet(t)}
	so.wire.conn = conn
	so.cancel = func() {}
	so.out.open(so)
	defer so.out.shut()
	list := []*publish{
		{id: []byte(`1`), op: "publish", topic: "t", done: topic.Written{First: 1, Last: 1, Head: 1, Count: 1}},
		{id: []byte(`"` + strings.Repeat("2", maxRequestID-2) + `"`), op: "publish", topic: "t", err: wire.Invalid("no")},
		{id: []byte(`3`), op: "publish", topic: "t", seqs: true, done: topic.Written{First: 1, Last: 20_000, Head: 20_000, Count: 20_000}},
		{id: []byte(`4`), op: "publish", topic: "t", done: topic.Written{First: 2, Last: 2, Head: 2, Count: 1}},
	}
	so.acknowledgeAll(list, new(ackBuffer), so.send)
	if conn.writes != 2 {
		t.Errorf("%d writes, want one up to the large answer and one after it", conn.writes)
	}
	sent := so.flow.Sent.Load()
	for i, p := range list {
		message := readFrame(t, &conn.Buffer)
		sent -= int64(len(message))
		var m struct {
			Op string          `json:"op"`
			ID json.RawMessage `json:"request_id"`
		}
		if err := json.Unmarshal(message, &m); err != nil || !bytes.Equal(m.ID, p.id) || (m.Op == "error") != (p.err != nil) {
			t.Errorf("answer %d is %.200s, %v", i, message, err)
		}
	}
	if conn.Len() != 0 || sent != 0 {
		t.Errorf("%d bytes follow the answers; %d of %d are not counted", conn.Len(), sent, so.flow.Sent.Load())
	}
}

// Messages of every size of head arrive, through the library that clients use.
func TestFrameHeads(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 1 << 10, 1<<16 - 1, 1 << 16, wsWhole} {
		var b bytes.Buffer
		b.Write(appendFrameHead(nil, n))
		b.Write(bytes.Repeat([]byte("x"), n))
		if got := readFrame(t, &b); len(got) != n {
			t.Errorf("%d bytes of %d", len(got), n)
		}
	}
	so, c := connect(t)
	for _, n := range []int{1, 125, 126, 1<<16 - 1, 1 << 16, wsWhole, wsWhole + 1} {
		message := []byte(strings.Repeat("x", n))
		sent := make(chan error, 1)
		go func() { sent <- so.out.send(message) }()
		kind, in, err := c.Reader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in)
		if err != nil || kind != websocket.MessageText || !bytes.Equal(got, message) {
			t.Errorf("%d bytes arrived as %d, %v, %v", n, len(got), kind, err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
}

// newSet returns a set for sockets that have no commands.
func newSet(t *testing.T) *Set {
	l := wire.DefaultLimits()
	return New(Options{
		Limits: &l, Metrics: metrics.New(nil, metrics.Endpoint{Route: call.Unmatched, Method: "other"}), Serving: t.Context(), Log: zerolog.Nop(),
	})
}

// connect returns a socket that can send, and its client.
func connect(t *testing.T) (*Socket, *websocket.Conn) {
	so := &Socket{set: newSet(t), cancel: func() {}}
	open, through := make(chan error, 1), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(takeover{w, so}, r, nil)
		if err == nil {
			so.conn = conn
			so.out.open(so)
			defer so.out.shut()
		}
		open <- err
		<-through
	}))
	t.Cleanup(server.Close)
	c, _, err := websocket.Dial(t.Context(), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.CloseNow()
		close(through)
	})
	if err := <-open; err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(-1)
	return so, c
}
