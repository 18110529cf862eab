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

// A request may be cut anywhere.
func TestRequestsInTwoPiecesLeave(t *testing.T) {
	w := serve(t, echo, looped, nil)
	text := post("/b", "12")
	for i := 1; i < len(text); i++ {
		c := w.dialLooped(t, 1)
		c.send(text[:i])
		w.waitForLooped(t, 0)
		c.send(text[i:] + get)
		c.want(200, "POST /b 12")
		c.want(200, "GET /a ")
		_ = c.Close()
		waitFor(t, "the end", func() bool { return w.set.Stats().Open == 0 })
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

// large is an answer that does not fit into a socket.
const large = 32 << 20

// answerLarge answers /large with so much.
func answerLarge(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/large" {
		echo(w, r)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(large))
	_, _ = w.Write(make([]byte, large))
}

const getLarge = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"

// wantLarge reads a large answer.
func (c *client) wantLarge() {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != large {
		c.t.Fatalf("%d bytes, %v", n, err)
	}
}

// What a client does not take at once it gets later, also if the connection ends with
// it, and what it has asked for meanwhile comes afterwards.
func TestAnswersThatAreNotTaken(t *testing.T) {
	t.Run("more follows", func(t *testing.T) {
		w := serve(t, answerLarge, looped, nil)
		c := w.dialLooped(t, 1)
		c.send(getLarge + get + post("/b", "1"))
		w.waitForLooped(t, 0)
		c.send(get)
		c.wantLarge()
		c.want(200, "GET /a ")
		c.want(200, "POST /b 1")
		c.want(200, "GET /a ")
	})
	t.Run("the connection ends", func(t *testing.T) {
		w := serve(t, answerLarge, looped, nil)
		c := w.dialLooped(t, 1)
		c.send("GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		w.waitForLooped(t, 0)
		c.wantLarge()
		c.wantEnd()
	})
	t.Run("they never are", func(t *testing.T) {
		w := serve(t, answerLarge, atOnce, func(srv *http.Server) { srv.WriteTimeout = 50 * time.Millisecond })
		c := w.dial(t)
		w.waitForLooped(t, 1)
		c.send(getLarge)
		waitFor(t, "the end", func() bool { return w.set.Stats().Open == 0 })
	})
}

// A handler that has begun its answer before it lets the rest wait for others has its
// bytes sent in their order.
func TestAnswersThatBeginBeforeOthers(t *testing.T) {
	w := serve(t, echo, looped, nil)
	w.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		looped := rw.(*response).conn.looped != nil
		rest := func() { _, _ = io.WriteString(rw, "rest") }
		if !looped {
			rw.(*response).Later(false, func() {})
			echo(rw, r)
			return
		}
		rw.Header().Set("Content-Length", fmt.Sprint(large+4))
		_, _ = rw.Write(make([]byte, large))
		rw.(*response).Later(true, rest) // it moves to a loop of the other kind
	})
	c := w.dialLooped(t, 1)
	c.send(get)
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || len(body) != large+4 || !strings.HasSuffix(string(body), "\x00rest") {
		t.Errorf("%d bytes, %v", len(body), err)
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
