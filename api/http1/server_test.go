package http1

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"errors"
)

// echo answers with what it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
}

func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

const get = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"

// A connection makes one request after the other, however they are cut into
// packets, and net/http never sees it.
func TestRequestsOnAConnection(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		w := serve(t, echo, how, nil)
		c := w.dial(t)
		for range 3 {
			c.send(get)
			c.want(200, "GET /a ")
			c.send(post("/b", "12"))
			c.want(200, "POST /b 12")
		}
		c.send(get + post("/b", "1") + post("/c", "") + get) // at once
		c.want(200, "GET /a ")
		c.want(200, "POST /b 1")
		c.want(200, "POST /c ")
		c.want(200, "GET /a ")
		long := strings.Repeat("0123456789", maxBody/10)
		head, _, _ := strings.Cut(post("/d", long), "0123456789")
		c.send(head)
		for len(long) > 0 {
			n := min(len(long), 70_001)
			c.send(long[:n])
			long = long[n:]
		}
		c.want(200, "POST /d "+strings.Repeat("0123456789", maxBody/10))
		c.send("\r\n" + get) // as old clients do after a POST
		c.want(200, "GET /a ")
		if n := w.passed.Load(); (n != 0) != (how == direct) {
			t.Errorf("net/http has %d connections", n)
		}
	})
}

// A handler may change its request: the next one with the same header has all of
// it, on the same connection and on another one.
func TestHandlersChangeTheirOwnRequest(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		w := serve(t, func(rw http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(rw, "%s %s %q %q %q", r.Method, r.URL, r.Header["Authorization"], r.Header["Accept"], r.Header["X-A"])
			delete(r.Header, "Authorization")
			r.Header["Accept"][0] = "changed"
			r.Header["X-A"] = append(r.Header["X-A"], "changed")
			r.Header["X-B"] = []string{"changed"}
			r.URL.RawQuery, r.Method, r.RequestURI = "", "PUT", "/changed"
		}, how, nil)
		for range 2 {
			c := w.dial(t)
			for range 3 {
				c.send("GET /a?token=b HTTP/1.1\r\nHost: localhost\r\nAuthorization: c\r\nAccept: d\r\nX-A: e\r\nX-A: f\r\n\r\n")
				c.want(200, `GET /a?token=b ["c"] ["d"] ["e" "f"]`)
			}
		}
	})
}

// A connection that sends anything else is net/http's from there on, and nothing
// that it has sent is lost.
func TestHandingOver(t *testing.T) {
	for name, odd := range map[string]struct{ request, answer string }{
		"chunks":             {"POST /b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n12\r\n0\r\n\r\n", "POST /b 12"},
		"another method":     {"BREW /b HTTP/1.1\r\nHost: localhost\r\n\r\n", "BREW /b "},
		"a whole URL":        {"GET http://a/b HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET http://a/b "},
		"LF alone":           {"GET /b HTTP/1.1\nHost: localhost\n\n", "GET /b "},
		"a long header":      {"GET /b HTTP/1.1\r\nHost: localhost\r\nA: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", "GET /b "},
		"a large body":       {post("/b", strings.Repeat("a", maxBody+1)), "POST /b " + strings.Repeat("a", maxBody+1)},
		"an expected 100":    {"POST /b HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", "POST /b "},
		"lengths that agree": {"POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n12", "POST /b 12"},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, echo, usual, nil)
			for _, before := range []string{"", get} {
				c := w.dial(t)
				c.send(before + odd.request + get)
				if before != "" {
					c.want(200, "GET /a ")
				}
				c.want(200, odd.answer)
				c.want(200, "GET /a ")
				c.send(get)
				c.want(200, "GET /a ")
			}
			if n := w.passed.Load(); n != 2 {
				t.Errorf("net/http has %d connections", n)
			}
		})
	}
}

// HTTP/2 without TLS begins with bytes that are no request of the subset.
func TestHTTP2(t *testing.T) {
	w := serve(t, echo, usual, func(srv *http.Server) {
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetHTTP1(true)
		srv.Protocols.SetUnencryptedHTTP2(true)
	})
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://" + w.addr + "/a")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.ProtoMajor != 2 || string(body) != "GET /a " {
		t.Errorf("%s %s", resp.Proto, body)
	}
}

// What the client sends decides only about its own connection: a handler that does
// not read the body has the next request follow it.
func TestUnreadBodies(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/part" {
				_, _ = io.ReadFull(r.Body, make([]byte, 3))
			}
			io.WriteString(w, r.URL.Path)
		}, how, nil)
		for _, size := range []int{1, 10, inputBuffer, 100_000} {
			for _, path := range []string{"/part", "/none"} {
				c := w.dial(t)
				c.send(post(path, strings.Repeat("G", size+3)) + get)
				c.want(200, path)
				c.want(200, "/a")
			}
		}
	})
}

// Every wait for a client has an end. Each server has one short timeout: whatever
// else its client does may take as long as it likes.
func TestTimeouts(t *testing.T) {
	const short = 50 * time.Millisecond
	for name, wait := range map[string]struct {
		timeout func(*http.Server) *time.Duration
		client  func(c *client, ended <-chan error)
	}{
		"no request": {
			func(srv *http.Server) *time.Duration { return &srv.ReadHeaderTimeout },
			func(c *client, _ <-chan error) { c.wantEnd() },
		},
		"a part of a header": {
			func(srv *http.Server) *time.Duration { return &srv.ReadHeaderTimeout },
			func(c *client, _ <-chan error) {
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHo") // which may come late
				if _, err := io.ReadAll(c.in); errors.Is(err, os.ErrDeadlineExceeded) {
					c.t.Error("the connection does not end")
				}
			},
		},
		"no further request": {
			func(srv *http.Server) *time.Duration { return &srv.IdleTimeout },
			func(c *client, _ <-chan error) {
				c.send(get)
				c.want(200, "")
				c.wantEnd()
			},
		},
		"a body that stalls": {
			func(srv *http.Server) *time.Duration { return &srv.ReadTimeout },
			func(c *client, ended <-chan error) {
				c.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
				if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
					c.t.Error(err)
				}
			},
		},
		"an answer that is not taken": {
			func(srv *http.Server) *time.Duration { return &srv.WriteTimeout },
			func(c *client, ended <-chan error) {
				c.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
				if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
					c.t.Error(err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			everyWay(t, func(t *testing.T, how way) {
				ended := make(chan error, 1)
				w := serve(t, func(w http.ResponseWriter, r *http.Request) {
					_, err := io.ReadAll(r.Body)
					for err == nil && r.URL.Path == "/large" {
						_, err = w.Write(make([]byte, 1<<20))
					}
					if err != nil {
						ended <- err
					}
				}, how, func(srv *http.Server) {
					srv.ReadHeaderTimeout, srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout = patience, patience, patience, patience
					*wait.timeout(srv) = short
				})
				w.Loops.Quiet = short
				wait.client(w.dial(t), ended)
			})
		})
	}
}

// A look at the client that comes late, in the time of the next request, leaves
// that one's deadline for its body.
func TestALateLookLeavesTheDeadlineOfABody(t *testing.T) {
	ended := make(chan error, 1)
	w := serve(t, func(w http.ResponseWriter, r *http.Request) {
		go w.(*response).conn.watching.look()
		_, err := io.ReadAll(r.Body)
		ended <- err
	}, usual, func(srv *http.Server) { srv.ReadTimeout = 50 * time.Millisecond })
	w.dial(t).send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

// A handler that waits has its context end when its client takes nothing more.
func TestWritesThatFailEndTheContext(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		ended := make(chan error)
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(longAgo)
			_, _ = w.Write(make([]byte, 1<<20))
			<-r.Context().Done()
			ended <- r.Context().Err()
		}, how, nil)
		w.dial(t).send(get)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Handlers may set the deadlines of their body and answer, also from elsewhere.
func TestDeadlinesOfHandlers(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		done := make(chan error, 2)
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			time.AfterFunc(10*time.Millisecond, func() { _ = control.SetReadDeadline(longAgo) })
			_, err := io.ReadAll(r.Body)
			done <- err
			_ = control.SetWriteDeadline(longAgo)
			_, err = w.Write(make([]byte, 1<<20))
			done <- err
		}, how, nil)
		c := w.dial(t)
		c.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
		for range 2 {
			if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		}
	})
}

// The context of a request ends when the client goes, however long the handler
// waits, and not when it sends the next request. The connection is usable after a
// handler that took long.
func TestClientsThatGo(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		release, gone := make(chan struct{}), make(chan error)
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				t.Error(err)
			}
			select {
			case <-release:
			case <-r.Context().Done():
				gone <- r.Context().Err()
			}
		}, how, nil)
		c := w.dial(t)
		for range 2 {
			c.send(post("/", "{}"))
			select {
			case err := <-gone:
				t.Fatal(err)
			case <-time.After(3 * watchAfter): // it is being watched
			}
			release <- struct{}{}
			c.want(200, "")
		}
		c.send(get)
		time.Sleep(2 * watchAfter)
		c.send(get) // that is no reason to end the first
		release <- struct{}{}
		release <- struct{}{}
		c.want(200, "")
		c.want(200, "")
		c.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n")
		time.Sleep(2 * watchAfter) // the handler reads the body
		c.send("{}")
		_ = c.Close()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A handler that panics ends its connection, and no other.
func TestPanics(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/a" {
				panic(http.ErrAbortHandler)
			}
		}, how, nil)
		other := w.dial(t)
		other.send(get)
		other.want(200, "")
		c := w.dial(t)
		c.send(get)
		c.want(200, "")
		c.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		c.wantEnd()
		other.send(get)
		other.want(200, "")
	})
}

// Shutdown closes what waits, and what is in progress is answered, with the end of
// the connection announced.
func TestShutdown(t *testing.T) {
	run(t, func(t *testing.T, how way) {
		entered, release := make(chan struct{}), make(chan struct{})
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/long" {
				entered <- struct{}{}
				<-release
			}
			io.WriteString(w, "answer")
		}, how, nil)
		fresh, idle, busy := w.dial(t), w.dial(t), w.dial(t)
		for _, c := range []*client{idle, busy} {
			c.send(get)
			c.want(200, "answer")
		}
		if how != usual {
			w.waitForLooped(t, 2)
		}
		busy.send("GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("with a request in progress: %v", err)
		}
		fresh.wantEnd()
		idle.wantEnd()
		release <- struct{}{}
		if resp := busy.want(200, "answer"); !resp.Close {
			t.Error("the end of the connection is not announced")
		}
		busy.wantEnd()
	}, usual, looped, varying)
}

// Close cuts what is in progress: a handler whose context ends by it cannot answer
// any more. What waits is closed.
func TestClose(t *testing.T) {
	run(t, func(t *testing.T, how way) {
		const clients = 20
		entered := make(chan struct{})
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/a" {
				entered <- struct{}{}
				<-r.Context().Done()
			}
		}, how, nil)
		var all []*client
		for n := range clients {
			c := w.dial(t)
			c.send(get)
			c.want(200, "")
			if n > 0 {
				c.send(post("/", ""))
				<-entered
			}
			all = append(all, c)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		for _, c := range all {
			c.wantEnd()
		}
	}, usual, looped, varying)
}

// The listener's end leaves the connections: one that is handed over afterwards is
// served until Shutdown.
func TestHandingOverAfterTheEndOfTheListener(t *testing.T) {
	w := serve(t, echo, usual, nil)
	c := w.dial(t)
	c.send(get)
	c.want(200, "GET /a ")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w.set.Finish(ctx)
	c.send("BREW /b HTTP/1.1\r\nHost: localhost\r\n\r\n")
	c.want(200, "BREW /b ")
}
