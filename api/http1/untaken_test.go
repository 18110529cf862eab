//go:build linux

package http1

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// large is an answer that does not fit into a socket.
const large = 16 << 20

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
