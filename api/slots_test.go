package api

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// inUse is how many slots are taken, of all kinds.
func (s *Server) inUse() int64 {
	u := s.bounds.Usage()
	return u.Streams + u.Payloads + u.OfKeys
}

// through runs a handler as a route of its own.
func through(s *Server, k call.Kind, key string, serve func(*call.Call) error) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+key)
	s.answer(w, r, &call.Route{Method: "GET", Pattern: "/test", Kind: k, Scope: auth.Read, Serve: serve}, nil)
	return w
}

func wantCap(t *testing.T, w *httptest.ResponseRecorder, limit string, most int64) {
	t.Helper()
	want := fmt.Sprintf(`"detail":{"limit":%q,"max":%d}`, limit, most)
	if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), want) || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v %s, want 429 with %s", w.Code, w.Header(), w.Body, want)
	}
}

// Each key has its requests under way counted; probes and streams do not.
func TestRequestsUnderWayAreCounted(t *testing.T) {
	s, _ := keyedServer(t, "aaaa,bbbb", func(o *Options) { o.Limits.MaxInflightPerKey = 2 })
	inside := make(chan struct{})
	leave := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			w := through(s, call.Data, "aaaa", func(*call.Call) error { inside <- struct{}{}; <-leave; return nil })
			if w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
		<-inside
	}
	ok := func(*call.Call) error { return nil }
	wantCap(t, through(s, call.Data, "aaaa", ok), "max_inflight_per_key", 2)
	for what, w := range map[string]*httptest.ResponseRecorder{
		"another key": through(s, call.Data, "bbbb", ok),
		"a stream":    through(s, call.Streaming, "aaaa", ok),
		"a probe":     through(s, call.Probe, "aaaa", ok),
	} {
		if w.Code != 200 {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	close(leave)
	wg.Wait()
	if w := through(s, call.Data, "aaaa", ok); w.Code != 200 || s.inUse() != 0 {
		t.Errorf("afterwards: %d, %d slots in use", w.Code, s.inUse())
	}
}

// Streams have a cap for all and one for each key. What was refused holds
// nothing, and a slot that was given back twice is one slot.
func TestStreamsAreCounted(t *testing.T) {
	s, _ := keyedServer(t, "aaaa,bbbb", func(o *Options) { o.Limits.MaxStreams, o.Limits.MaxStreamsPerKey = 3, 2 })
	calls := map[string]*call.Call{}
	take := func(name string) (func(), error) {
		secret := name[:1]
		c := callOf(s, s.opts.Keys.Find(strings.Repeat(secret, 4)))
		calls[name] = c
		return c.TakeStream()
	}
	refused := func(name, limit string, most int64) {
		t.Helper()
		_, err := take(name)
		var e *wire.Error
		if !errors.As(err, &e) || e.Status != 429 || e.Detail["limit"] != limit || e.Detail["max"] != most {
			t.Errorf("%s: %v", name, err)
		}
	}
	one, err1 := take("a1")
	_, err2 := take("a2")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	refused("a3", "max_sse_connections_per_key", 2)
	if _, err := take("b1"); err != nil {
		t.Fatal(err)
	}
	refused("b2", "max_sse_connections", 3)
	one()
	one()
	calls["a1"].GiveSlots()
	if _, err := take("a4"); err != nil {
		t.Error(err)
	}
	refused("a5", "max_sse_connections", 3)
	for _, c := range calls {
		c.GiveSlots()
		c.GiveSlots()
	}
	if n := s.inUse(); n != 0 {
		t.Errorf("%d slots in use", n)
	}
}

// Where there are no keys, nobody is told apart: only the caps on all hold.
func TestWithoutKeysNoKeyIsCounted(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.MaxInflightPerKey, o.Limits.MaxStreamsPerKey, o.Limits.MaxStreams = 1, 1, 2 })
	through(s, call.Data, "", func(*call.Call) error {
		if w := through(s, call.Data, "", func(*call.Call) error { return nil }); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		return nil
	})
	var last *httptest.ResponseRecorder
	var nest func(depth int) func(*call.Call) error
	nest = func(depth int) func(*call.Call) error {
		return func(c *call.Call) error {
			if _, err := c.TakeStream(); err != nil {
				return err
			}
			last = through(s, call.Streaming, "", nest(depth+1))
			return nil
		}
	}
	through(s, call.Streaming, "", nest(0))
	if n := s.inUse(); n != 0 {
		t.Errorf("%d slots in use", n)
	}
	if last == nil || last.Code != 200 {
		t.Errorf("the outer streams were answered %v", last)
	}
}

// Slots come back whatever a handler does.
func TestSlotsComeBack(t *testing.T) {
	s, _ := keyedServer(t, "aaaa", nil)
	for name, serve := range map[string]func(*call.Call) error{
		"error": func(c *call.Call) error {
			_, err := c.TakeStream()
			return errors.Join(err, errors.New("as the test wants"))
		},
		"panic": func(c *call.Call) error { _, _ = c.TakeStream(); panic("as the test wants") },
		"abort": func(c *call.Call) error { _, _ = c.TakeStream(); panic(http.ErrAbortHandler) },
		"held":  func(c *call.Call) error { _, err := c.TakeStream(); return err },
		"freed": func(c *call.Call) error { release, err := c.TakeStream(); release(); release(); return err },
		"memory": func(c *call.Call) error {
			_ = c.Take(1000)
			panic(http.ErrAbortHandler)
		},
	} {
		for _, k := range []call.Kind{call.Data, call.Streaming} {
			func() {
				defer func() {
					if p := recover(); (p == http.ErrAbortHandler) != (name == "abort" || name == "memory") {
						t.Errorf("%s: %v went up", name, p)
					}
				}()
				through(s, k, "aaaa", serve)
			}()
		}
		if n := s.inUse() + s.bounds.Usage().Memory; n != 0 {
			t.Errorf("%s: %d slots in use", name, n)
		}
	}
}

// Connections that are cut at random moments, over both protocols, leave every
// slot free. The server's own check for goroutines comes with serve.
func TestSlotsComeBackFromCutConnections(t *testing.T) {
	s, _ := keyedServer(t, "aaaa,bbbb", func(o *Options) {
		o.Limits.MaxInflightPerKey, o.Limits.MaxTotalBytes = 20, 1<<30
	})
	addr, shutdown := serve(t, s)
	do(s, "PUT", "/v0/topics/t", "", "Authorization", "Bearer aaaa")
	for _, client := range clients(t) {
		var wg sync.WaitGroup
		for worker := range 8 {
			rng := rand.New(rand.NewPCG(7, uint64(worker)))
			wg.Go(func() {
				for range 40 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(3000))*time.Microsecond)
					method, path, body := "GET", "/v0/topics/t/diff?wait_ms=30000&from_seq=1000000", ""
					if rng.IntN(3) == 0 {
						method, path, body = "POST", "/v0/topics/t", `{"records":[{"data":"`+strings.Repeat("x", rng.IntN(100_000))+`"}]}`
					}
					req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, strings.NewReader(body))
					if err != nil {
						t.Error(err)
					}
					req.Header.Set("Content-Type", wire.MediaJSON)
					req.Header.Set("Authorization", "Bearer "+[]string{"aaaa", "bbbb", "none"}[rng.IntN(3)])
					if resp, err := client.Do(req); err == nil {
						resp.Body.Close()
					}
					cancel()
				}
			})
		}
		for range 20 { // half a request, and gone
			if conn, err := net.Dial("tcp", addr); err == nil {
				fmt.Fprintf(conn, "POST /v0/topics/t HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer aaaa\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
				conn.Close()
			}
		}
		wg.Wait()
		client.CloseIdleConnections()
	}
	shutdown()
	// A handler may outlast its HTTP/2 connection, whose client has gone.
	waitFor(t, func() bool { return s.inUse()+s.bounds.Usage().Memory == 0 })
}

// meteredEngine counts the payload bytes it has been given, after a moment in
// which others may come.
type meteredEngine struct {
	*memEngine
	mu    sync.Mutex
	bytes int64
	gate  chan struct{} // each Begin takes one before it counts
}

func (e *meteredEngine) Begin(_ context.Context, _ string, w *topic.Write) (*topic.Pending, error) {
	<-e.gate
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range w.Records {
		e.bytes += int64(len(r.Data) + len(r.Meta))
	}
	return &topic.Pending{Written: topic.Written{First: 1, Last: 1, Head: 1, Count: 1}}, nil
}

func (e *meteredEngine) Totals() topic.Totals {
	e.mu.Lock()
	defer e.mu.Unlock()
	return topic.Totals{Bytes: e.bytes}
}

// Writers that come at the same moment do not get past the cap together, and
// what was deleted makes room.
func TestTotalBytesAreCapped(t *testing.T) {
	const most, each = 1000, 100
	s, mem := openServer(func(o *Options) { o.Limits.MaxTotalBytes = most })
	e := &meteredEngine{memEngine: mem, gate: make(chan struct{})}
	s.Open(e)
	body := `{"records":[{"data":"` + strings.Repeat("x", each-4) + `","meta":{}}]}`
	codes := make(chan int, 50)
	for range cap(codes) {
		go func() { codes <- do(s, "POST", "/v0/topics/t", body).Code }()
	}
	// All are inside of Begin or refused before any is counted.
	for range cap(codes) - most/each {
		if code := <-codes; code != http.StatusTooManyRequests {
			t.Fatalf("%d before any write was through", code)
		}
	}
	close(e.gate)
	for range most / each {
		if code := <-codes; code != http.StatusOK {
			t.Fatalf("a write within the cap: %d", code)
		}
	}
	if e.bytes != most || s.inUse() != 0 {
		t.Errorf("%d bytes, %d set aside", e.bytes, s.inUse())
	}
	wantCap(t, do(s, "POST", "/v0/topics/t", body), "max_total_bytes", most)
	e.bytes -= each
	if w := do(s, "POST", "/v0/topics/t", body); w.Code != 200 {
		t.Errorf("after a delete: %d %s", w.Code, w.Body)
	}
}

// A write that is repeated adds nothing to the total, so it is answered also
// where there is room for nothing more.
func TestRepeatsPassTheTotal(t *testing.T) {
	const most = 100
	s := serveReal(t, func(o *Options) { o.Limits.MaxTotalBytes = most }, nil)
	body := func(key string) string {
		return fmt.Sprintf(`{"idempotency_key":%q,"records":[{"data":%q}]}`, key, strings.Repeat("x", most-2))
	}
	if w := do(s, "POST", "/v0/topics/t", body("k")); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/v0/topics/t", body("k")); w.Code != 200 || object(t, w)["deduped"] != true {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantCap(t, do(s, "POST", "/v0/topics/t", body("other")), "max_total_bytes", most)
	c := s.dial(t)
	c.say(`{"op":"publish","topic":"t",%s`, body("k")[1:])
	c.want("ack")
	c.say(`{"op":"publish","topic":"t",%s`, body("other")[1:])
	c.want("error")
}

// callOf returns a call of a key, of no route.
func callOf(s *Server, key *auth.Key) *call.Call {
	c := s.bounds.Begin(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), new(call.Route))
	c.Identify(key)
	return c
}
