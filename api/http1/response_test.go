package http1

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// answers are what handlers do.
var answers = map[string]http.HandlerFunc{
	"nothing":  func(w http.ResponseWriter, r *http.Request) {},
	"a status": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) },
	"two":      func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); w.WriteHeader(200) },
	"unknown":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(599) },
	"a body":   func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>body") },
	"JSON": func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(201)
		io.WriteString(w, "{}")
	},
	"many fields": func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Vary"] = []string{"A", "B"}
		w.Header().Set("X-Line", " a\r\nb ")
		w.Header().Set("Allow", "GET")
		w.Header().Set("Cache-Control", "no-store")
		w.Header()["Content-Encoding"] = []string{"gzip"}
		io.WriteString(w, "12345")
	},
	"no content": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "3")
		w.WriteHeader(204)
		if _, err := io.WriteString(w, "123"); err != http.ErrBodyNotAllowed {
			panic(err)
		}
	},
	"not modified": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Etag", "1")
		w.WriteHeader(304)
	},
	"close": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.Header().Set("Via", "a")
		io.WriteString(w, "bye")
	},
	"too little": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "123")
	},
	"too much": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "2")
		_, _ = io.WriteString(w, "12")
		if _, err := io.WriteString(w, "3"); err != http.ErrContentLength {
			panic(err)
		}
	},
	"a large one": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = io.WriteString(w, strings.Repeat("a", 97_000))
		_, _ = io.WriteString(w, strings.Repeat("b", 3000))
	},
	"a stream": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		for _, s := range []string{"one", "", "two"} {
			_, _ = io.WriteString(w, s)
			if http.NewResponseController(w).Flush() != nil {
				panic("it cannot be flushed")
			}
		}
	},
	"a stream with an end": func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "last")
	},
}

// The bytes of an answer are those of net/http, whatever handlers do.
func TestAnswersAreThoseOfNetHTTP(t *testing.T) {
	for name, h := range answers {
		t.Run(name, func(t *testing.T) {
			ours, its := serve(t, h, usual, nil), serve(t, h, direct, nil)
			for _, request := range []string{
				"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
				"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n",
				"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
			} {
				got, want := "", ""
				for w, answer := range map[*world]*string{ours: &got, its: &want} {
					c := w.dial(t)
					c.send(request + strings.Replace(request, "Host", "Connection: close\r\nHost", 1))
					*answer = c.rest()
				}
				if got != want {
					t.Errorf("%.4s\n got %.600q\nwant %.600q", request, got, want)
				}
			}
			if ours.passed.Load() != 0 {
				t.Error("net/http has served it")
			}
		})
	}
}

// The end of an answer is sent when the handler has returned: one that panics after
// it has written everything has not answered.
func TestTheEndOfAnAnswerWaitsForItsHandler(t *testing.T) {
	const last = 2 << 10
	for _, size := range []int{last, outputBuffer, outputBuffer + 1, 3 * last, 100_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			everyWay(t, func(t *testing.T, how way) {
				w := serve(t, func(w http.ResponseWriter, r *http.Request) {
					body := make([]byte, size)
					w.Header().Set("Content-Length", strconv.Itoa(size))
					for _, piece := range [][]byte{body[:size-last], body[size-last:]} {
						if _, err := w.Write(piece); err != nil {
							t.Error(err)
						}
					}
					panic(http.ErrAbortHandler)
				}, how, nil)
				c := w.dial(t)
				c.send(get)
				answer, err := io.ReadAll(c.in)
				if _, body, _ := strings.Cut(string(answer), "\r\n\r\n"); err != nil || len(body) > size-last {
					t.Errorf("%d bytes of the body came, %v", len(body), err)
				}
			})
		})
	}
}

// A handler that asks for it may answer before it has read the body.
func TestAHandlerMayReadOn(t *testing.T) {
	everyWay(t, func(t *testing.T, how way) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			if err := control.EnableFullDuplex(); err != nil {
				t.Error(err)
			}
			io.WriteString(w, "first")
			_ = control.Flush()
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(body)
		}, how, nil)
		c := w.dial(t)
		c.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n")
		if _, err := c.in.Peek(len("HTTP/1.1 200 OK\r\n")); err != nil {
			t.Fatal(err)
		}
		c.send("second")
		c.want(200, "firstsecond")
	})
}
