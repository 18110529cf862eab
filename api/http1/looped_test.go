//go:build linux

package http1

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dialLooped returns a client whose connection a loop serves. There are n of them then.
func (w *world) dialLooped(t *testing.T, n int) *client {
	t.Helper()
	c := w.dial(t)
	c.send(get)
	c.want(200, "GET /a ")
	w.waitForLooped(t, n)
	return c
}

// A connection leaves its loop at a request that does not belong there, and nothing that
// it has sent is lost.
func TestLeavingALoop(t *testing.T) {
	for name, odd := range map[string]struct{ request, answer string }{
		"chunks":           {"POST /b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n12\r\n0\r\n\r\n", "POST /b 12"},
		"another method":   {"BREW /b HTTP/1.1\r\nHost: localhost\r\n\r\n", "BREW /b "},
		"a long header":    {"GET /b HTTP/1.1\r\nHost: localhost\r\nA: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", "GET /b "},
		"an upgrade":       {"GET /b HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "GET /b "},
		"a large body":     {post("/b", strings.Repeat("a", maxBody+1)), "POST /b " + strings.Repeat("a", maxBody+1)},
		"a body in pieces": {post("/b", strings.Repeat("a", 3*inputBuffer)), "POST /b " + strings.Repeat("a", 3*inputBuffer)},
		"an expected 100":  {"POST /b HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", "POST /b "},
		"lines of LF":      {"GET /b HTTP/1.1\nHost: localhost\n\n", "GET /b "},
		"its own answer":   {"GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /own "},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, echo, looped, nil)
			for _, before := range []string{"", get, get + post("/c", "1")} {
				c := w.dialLooped(t, 1)
				c.send(before + odd.request + post("/d", "2"))
				if before != "" {
					c.want(200, "GET /a ")
				}
				if len(before) > len(get) {
					c.want(200, "POST /c 1")
				}
				c.want(200, odd.answer)
				c.want(200, "POST /d 2")
				c.send(get)
				c.want(200, "GET /a ")
				_ = c.Close()
				w.waitForLooped(t, 0)
			}
		})
	}
}

// A request that the handler answers itself does not belong in a loop: it may have
// waited.
func TestAnswersOfTheirOwnLeave(t *testing.T) {
	w := serve(t, echo, looped, nil)
	c := w.dialLooped(t, 1)
	c.send("GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n")
	c.want(200, "GET /own ")
	w.waitForLooped(t, 0)
	c.send(get)
	c.want(200, "GET /a ")
	w.waitForLooped(t, 1)
}

// A request may be cut anywhere. Another connection of the loop is answered between the
// pieces, so that the loop has seen the first one.
func TestRequestsInTwoPiecesStay(t *testing.T) {
	w := serve(t, echo, looped, nil)
	other, c := w.dialLooped(t, 1), w.dialLooped(t, 2)
	for _, text := range []string{get, post("/b", "12")} {
		for i := 1; i < len(text); i++ {
			c.send(text[:i])
			other.send(get)
			other.want(200, "GET /a ")
			c.send(text[i:] + get)
			if text != get {
				c.want(200, "POST /b 12")
			} else {
				c.want(200, "GET /a ")
			}
			c.want(200, "GET /a ")
		}
	}
	w.waitForLooped(t, 2)
}

// A part of a request whose rest does not come soon leaves, and is waited for as usual.
func TestSlowPiecesLeave(t *testing.T) {
	text := post("/b", "12")
	for i := 1; i < len(text); i++ {
		w := serve(t, echo, looped, nil)
		w.Loops.Quiet = 2 * time.Millisecond
		c := w.dial(t)
		c.send(get)
		c.want(200, "GET /a ")
		c.send(text[:i])
		w.waitForLooped(t, 0)
		c.send(text[i:] + get)
		c.want(200, "POST /b 12")
		c.want(200, "GET /a ")
	}
}

// A part of a request whose client has closed its side is answered as elsewhere.
func TestHalfRequestsOfHalfClosedClients(t *testing.T) {
	text := post("/b", "12")
	for i := 1; i < len(text); i++ {
		ours, its := serve(t, echo, looped, nil), serve(t, echo, usual, nil)
		c, other := ours.dialLooped(t, 1), its.dial(t)
		other.send(get)
		other.want(200, "GET /a ")
		for _, c := range []*client{c, other} {
			c.send(text[:i])
			_ = c.Conn.(*net.TCPConn).CloseWrite()
		}
		if got, want := c.rest(), other.rest(); got != want {
			t.Errorf("%q: %q, want %q", text[:i], got, want)
		}
	}
}

// What HTTP/2 begins with is answered as by net/http alone.
func TestHTTP2AfterRequests(t *testing.T) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	ours, its := serve(t, echo, looped, nil), serve(t, echo, direct, nil)
	c, other := ours.dialLooped(t, 1), its.dial(t)
	other.send(get)
	other.want(200, "GET /a ")
	c.send(preface)
	other.send(preface)
	if got, want := c.rest(), other.rest(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A client that closes its side gets all its answers.
func TestHalfClosedInALoop(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		w := serve(t, echo, how, nil)
		c := w.dial(t)
		c.send(get)
		c.want(200, "GET /a ")
		c.send(strings.Repeat(post("/b", "12")+get, 200))
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		for range 200 {
			c.want(200, "POST /b 12")
			c.want(200, "GET /a ")
		}
		c.wantEnd()
	})
}

// A client that closes its side while a request takes long may be gone: the context
// ends, also that of the requests that it has sent already. They are answered all the same.
func TestHalfClosedWhileARequestTakesLong(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/long" {
				<-r.Context().Done()
			}
			echo(w, r)
			_, _ = fmt.Fprint(w, " ", r.Context().Err())
		}, how, nil)
		c := w.dial(t)
		c.send(get)
		c.want(200, "GET /a  <nil>")
		if how == looped || how == varying {
			w.waitForLooped(t, 1)
		}
		many := strings.Repeat(post("/b", "12"), 3) + "GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n"
		c.send(post("/long", "") + many + many)
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		c.want(200, "POST /long  context canceled")
		for range 2 {
			for range 3 {
				c.want(200, "POST /b 12 context canceled")
			}
			c.want(200, "GET /own  context canceled")
		}
		c.wantEnd()
	})
}

// Connections that wait in loops make room for others, and those at work do not.
func TestConnectionsInLoopsMakeRoom(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	w := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			entered <- struct{}{}
			<-release
		}
		echo(w, r)
	}, looped, nil)
	busy := w.dialLooped(t, 1)
	busy.send(post("/long", ""))
	<-entered
	var idle []*client
	for n := range 5 {
		idle = append(idle, w.dialLooped(t, n+2))
	}
	w.set.SetBound(2)
	release <- struct{}{}
	busy.want(200, "POST /long ")
	w.waitForLooped(t, 2)
	left := 0
	for _, c := range idle {
		if _, err := io.WriteString(c, get); err != nil {
			continue
		}
		if _, err := http.ReadResponse(c.in, nil); err == nil {
			left++
		}
	}
	if n := w.set.Stats().Open; n != 2 || left != 1 {
		t.Errorf("%d connections, %d that have waited", n, left)
	}
}

// exchange is a request and the body of its answer.
type exchange struct{ request, answer string }

var exchanges = []exchange{
	{get, "GET /a "},
	{get, "GET /a "},
	{post("/b", "12"), "POST /b 12"},
	{post("/b", "12"), "POST /b 12"},
	{post("/c", ""), "POST /c "},
	{post("/d", strings.Repeat("G", 5000)), "POST /d " + strings.Repeat("G", 5000)},
	{"GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /own "},
	{post("/e", "1") + "\r\n", "POST /e 1"},
	{post("/f", "GET / HTTP/1.1\r\n\r\n"), "POST /f GET / HTTP/1.1\r\n\r\n"},
}

// However requests are cut and mixed, and whenever connections enter and leave loops, they
// are answered in their order.
func TestAnyPipeline(t *testing.T) {
	run(t, func(t *testing.T, how way) {
		w := serve(t, echo, how, nil)
		w.Loops.Quiet = 2 * time.Millisecond
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 0))
			c := w.dial(t)
			var text strings.Builder
			var want []string
			for range 1 + r.IntN(60) {
				e := exchanges[r.IntN(len(exchanges))]
				text.WriteString(e.request)
				want = append(want, e.answer)
			}
			// A header in two pieces is net/http's, as is all that follows.
			longest := []int{200, 2000, 100_000}[seed%3]
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for left := text.String(); left != ""; {
					n := min(1+r.IntN(longest), len(left))
					if _, err := io.WriteString(c, left[:n]); err != nil {
						t.Error(err)
						return
					}
					left = left[n:]
				}
			}()
			for _, answer := range want {
				c.want(200, answer)
			}
			<-sent
			_ = c.Close()
		}
	}, looped, varying)
}

// One after the other, as most clients ask: each request meets the connection in a loop,
// or on its way.
func TestAnyRequestsOneAfterTheOther(t *testing.T) {
	run(t, func(t *testing.T, how way) {
		w := serve(t, echo, how, nil)
		w.Loops.Quiet = time.Millisecond
		for seed := range uint64(5) {
			r := rand.New(rand.NewPCG(seed, 1))
			c := w.dial(t)
			for range 100 {
				e := exchanges[r.IntN(len(exchanges))]
				c.send(e.request)
				c.want(200, e.answer)
			}
			_ = c.Close()
		}
		if n := w.passed.Load(); n != 0 {
			t.Errorf("net/http has %d connections", n)
		}
	}, looped, varying)
}
