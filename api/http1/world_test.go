package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/eventloop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for anything before it fails.
const patience = time.Minute

// world is a server with a port of its own.
type world struct {
	*Server
	set      *conns.Set
	addr     string
	listener net.Listener
	passed   atomic.Int64 // connections that net/http has got
	served   chan error
}

// serve serves a handler; configure may change the server before.
func serve(t *testing.T, h http.HandlerFunc, how way, configure func(*http.Server)) *world {
	t.Helper()
	w := &world{set: conns.NewSet(zerolog.Nop()), served: make(chan error, 1)}
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if c := conns.Of(r); c.Begin() != conns.Gone {
			defer c.Counted()
		}
		h(rw, r)
	})}
	if configure != nil {
		configure(srv)
	}
	w.set.Configure(srv)
	idle := srv.ConnState
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		if state == http.StateNew {
			w.passed.Add(1)
		}
		idle(nc, state)
	}
	w.Server = New(srv)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr, w.listener = l.Addr().String(), l
	serve := w.Serve
	switch how {
	case looped, varying, atOnce:
		w.heat(how)
	case direct:
		serve = srv.Serve
	}
	go func() { w.served <- serve(w.set.Listen(l)) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-w.served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
		if n := w.set.Stats().Open; n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if n := w.Loops.Len(); n != 0 {
			t.Errorf("%d connections are left in loops", n)
		}
	})
	return w
}

// client is a connection of a client.
type client struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (w *world) dial(t *testing.T) *client {
	t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	return &client{nc, t, bufio.NewReader(nc)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// want reads an answer, which must have this status and body.
func (c *client) want(status int, body string) *http.Response {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || string(got) != body {
		c.t.Fatalf("%d %.200q %v, want %d %.200q", resp.StatusCode, got, err, status, body)
	}
	return resp
}

// wantEnd reads the end of the connection.
func (c *client) wantEnd() {
	c.t.Helper()
	if _, err := c.in.ReadByte(); err != io.EOF {
		c.t.Fatalf("not the end: %v", err)
	}
}

// rest reads everything until the end. Dates are replaced.
func (c *client) rest() string {
	b, err := io.ReadAll(c.in)
	if err != nil {
		c.t.Errorf("after %.200q: %v", b, err)
	}
	return dates.ReplaceAllString(string(b), "Date: today")
}

var dates = regexp.MustCompile("Date: [^\r]*")

// way is how connections are served.
type way int

const (
	usual   way = iota // by a goroutine each
	looped             // by loops, from their second request on
	varying            // likewise, by those of one kind and of the other
	atOnce             // by loops, before their first request
	direct             // by net/http
)

// ways are their names.
var ways = [...]string{"subset", "looped", "varying", "at once", "net/http"}

// bothWays runs a test over connections of the subset and over those of net/http.
func bothWays(t *testing.T, test func(t *testing.T, how way)) { run(t, test, usual, direct) }

// everyWay runs a test in each way.
func everyWay(t *testing.T, test func(t *testing.T, how way)) {
	run(t, test, usual, looped, varying, direct)
}

func run(t *testing.T, test func(t *testing.T, how way), how ...way) {
	for _, how := range how {
		if runtime.GOOS != "linux" && how != usual && how != direct {
			continue // there are no loops
		}
		t.Run(ways[how], func(t *testing.T) { test(t, how) })
	}
}

// heat has all connections served by loops, for as long as possible.
func (w *world) heat(how way) {
	w.Hot = eventloop.Hot{After: 1, Within: patience}
	if how == atOnce {
		w.Hot.After = 0
	}
	w.Loops.Quiet = patience
	w.Brief = func(*http.Request) bool { return true }
	h := w.Handler
	var requests atomic.Int64
	w.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/own" { // which is answered at once
			h.ServeHTTP(rw, r)
			return
		}
		waits := how == varying && requests.Add(1)%3 == 0
		ours, _ := rw.(*response)
		if ours == nil || !ours.Later(waits, func() { h.ServeHTTP(rw, r) }) {
			h.ServeHTTP(rw, r)
		}
	})
}

// waitFor waits for a condition that is not announced.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !ok(); {
		if time.Now().After(late) {
			t.Fatalf("waited in vain: %s", what)
		}
		runtime.Gosched()
	}
}

// waitForLooped waits until loops have n connections.
func (w *world) waitForLooped(t *testing.T, n int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d connections in loops", n), func() bool { return w.Loops.Len() == n })
}
