package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/openapi/conform"
	"github.com/e6e95bb8/topics/api/socket"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// realServer is a server on a port of its own, over a registry on a disk in
// memory. down drains it like the process does; it is called in the end anyway,
// and then nothing may be left of it.
type realServer struct {
	*Server
	registry *topics.Registry
	log      *wal.Log
	addr     string
	spoilt   bool // the test broke the disk: the log cannot end in good order
	down     func()
	cut      func() // closes all connections at once
}

func serveReal(t *testing.T, more func(*Options), timing func(*socket.Timing)) *realServer {
	t.Helper()
	return serveStored(t, func(*recovery.Options) {}, more, timing)
}

// withAndWithoutLoops runs a test of WebSockets that their readers serve, and of those
// that loops serve whenever one can.
func withAndWithoutLoops(t *testing.T, test func(t *testing.T, heat func(*socket.Timing))) {
	t.Helper()
	t.Run("readers", func(t *testing.T) { test(t, coldSockets) })
	t.Run("loops", func(t *testing.T) { test(t, hotSockets) })
}

func coldSockets(timing *socket.Timing) { timing.Hot = eventloop.Hot{After: math.MaxInt} }

func hotSockets(timing *socket.Timing) { timing.Hot = eventloop.Hot{Within: time.Hour} }

// parts is what the server was opened with.
func (s *realServer) parts() Engine { return PartsOf(s.registry) }

// serveStored is serveReal with a change to what is under the server.
func serveStored(t *testing.T, change func(*recovery.Options), more func(*Options), timing func(*socket.Timing)) *realServer {
	t.Helper()
	under := recovery.Options{
		FS: crashfs.New(), Dir: "/data", BootID: "boot", Log: zerolog.Nop(), Gate: health.NewGate(time.Now),
		WAL: wal.Options{
			FileBytes: 4 << 20, QueueBytes: 16 << 20, CacheBytes: 16 << 20,
			DiskSync: 5 * time.Millisecond, QueueWait: patience,
		},
		Storage: store.Settings{CacheBytes: 4 << 20},
	}
	change(&under)
	data, err := recovery.Run(t.Context(), under)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := openServer(more)
	s.Open(PartsOf(data.Registry))
	if timing != nil {
		timing(&s.sockets.Timing)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := s.HTTPServer()
	srv.Handler = describedAnswers(srv.Handler, func(err error) { t.Error(err) })
	done := make(chan error, 1)
	go func() { done <- srv.Serve(s.Listen(l)) }()
	real := &realServer{Server: s, registry: data.Registry, log: data.Log, addr: l.Addr().String()}
	real.cut = func() { _ = srv.Close() }
	real.down = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.StopServing()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		s.Finish(ctx)
		<-done
		if n := s.sockets.Count(); n != 0 {
			t.Errorf("%d sockets are left", n)
		}
		// A handler may outlast its HTTP/2 connection, whose client has gone.
		waitFor(t, func() bool { return s.bounds.Usage().Streams == 0 && s.bounds.Usage().Memory == 0 })
		if err := data.Close(ctx); (err != nil) != real.spoilt {
			t.Errorf("closing the data: %v", err)
		}
	})
	t.Cleanup(func() {
		real.down()
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t)
	})
	return real
}

// put makes a topic.
func (s *realServer) put(t *testing.T, name, config string) {
	t.Helper()
	if w := do(s, "PUT", "/v0/topics/"+name, config); w.Code != 201 && w.Code != 200 {
		t.Fatalf("putting %s: %d %s", name, w.Code, w.Body)
	}
}

// write appends records with these data.
func (s *realServer) write(t *testing.T, name string, data ...string) {
	t.Helper()
	body := `{"records":[{"data":` + strings.Join(data, `},{"data":`) + `}]}`
	if w := do(s, "POST", "/v0/topics/"+name, body); w.Code != 201 && w.Code != 200 {
		t.Fatalf("writing to %s: %d %s", name, w.Code, w.Body)
	}
}

// wsMessage is any message of the server.
type wsMessage struct {
	Op      string          `json:"op"`
	ID      json.RawMessage `json:"request_id"`
	Topic   string          `json:"topic"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Detail  map[string]any  `json:"detail"`
	Topics  json.RawMessage `json:"topics"`
	Reason  string          `json:"reason"`
	Records []struct {
		Seq  uint64          `json:"$seq"`
		Tag  string          `json:"$tag"`
		Data json.RawMessage `json:"data"`
	} `json:"records"`
	From     uint64   `json:"from_seq"`
	To       uint64   `json:"to_seq"`
	Head     uint64   `json:"head_seq"`
	GapFrom  uint64   `json:"gap_from"`
	GapTo    uint64   `json:"gap_to"`
	Earliest uint64   `json:"earliest_seq"`
	First    uint64   `json:"first_seq"`
	Last     uint64   `json:"last_seq"`
	Seqs     []uint64 `json:"seqs"`
	Count    int      `json:"count"`
	Created  bool     `json:"created"`
	Deduped  bool     `json:"deduped"`
	raw      string
}

// wsClient is the client's end of a socket. Every wait fails the test after a
// time.
type wsClient struct {
	*websocket.Conn
	t   *testing.T
	ctx context.Context
}

func (s *realServer) dial(t *testing.T, header ...string) *wsClient {
	t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	conn, resp, err := websocket.Dial(ctx, "ws://"+s.addr+"/v0/ws", &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		cancel()
		t.Fatalf("dialling: %v %v", err, resp)
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() {
		_ = conn.CloseNow()
		cancel()
	})
	return &wsClient{conn, t, ctx}
}

// say sends one message.
func (c *wsClient) say(format string, a ...any) {
	c.t.Helper()
	if err := c.Write(c.ctx, websocket.MessageText, fmt.Appendf(nil, format, a...)); err != nil {
		c.t.Fatalf("saying %.60s: %v", format, err)
	}
}

// hear reads the next message.
func (c *wsClient) hear() *wsMessage {
	c.t.Helper()
	m, err := c.listen()
	if err != nil {
		c.t.Fatalf("hearing: %v", err)
	}
	return m
}

func (c *wsClient) listen() (*wsMessage, error) {
	_, b, err := c.Read(c.ctx)
	if err != nil {
		return nil, err
	}
	m := &wsMessage{raw: string(b)}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w in %s", err, b)
	}
	if len(b) > 64<<10 { // some tests have no time to look closely
		return m, nil
	}
	if err := conform.Load().CheckMessage(b); err != nil {
		c.t.Error(err)
	}
	return m, nil
}

// want reads the next message, which must be of this op.
func (c *wsClient) want(op string) *wsMessage {
	c.t.Helper()
	m := c.hear()
	if m.Op != op {
		c.t.Fatalf("heard %s, want %s", m.raw, op)
	}
	return m
}

// wantClosed reads until the socket is closed with this status.
func (c *wsClient) wantClosed(status websocket.StatusCode) {
	c.t.Helper()
	for {
		if _, err := c.listen(); err != nil {
			if got := websocket.CloseStatus(err); got != status {
				c.t.Fatalf("closed with %v (%v), want %v", got, err, status)
			}
			return
		}
	}
}

// wantData reads record messages of a topic until these data have come, and
// nothing else but caught_up in between.
func (c *wsClient) wantData(topic string, data ...string) {
	c.t.Helper()
	var got []string
	for len(got) < len(data) {
		m := c.hear()
		switch {
		case m.Op == "caught_up" && m.Topic == topic:
		case m.Op == "record" && m.Topic == topic:
			for _, r := range m.Records {
				got = append(got, string(r.Data))
			}
		default:
			c.t.Fatalf("heard %s while waiting for records of %s", m.raw, topic)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(data) {
		c.t.Fatalf("records of %s: %v, want %v", topic, got, data)
	}
}
