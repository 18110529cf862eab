package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// wireStream is a stream over a connection of its own.
type wireStream struct {
	*sseClient
	conn net.Conn
	url  string
	st   *eventStream // the server's end
}

// openOnWire opens a stream of a new session of a topic, and reads until it is caught up.
func (s *realServer) openOnWire(t *testing.T, topic string, header ...string) *wireStream {
	t.Helper()
	w := s.beginOnWire(t, topic, header...)
	w.want("caught-up", "")
	return w
}

// beginOnWire opens a stream of a new session of a topic, and reads what every stream
// begins with.
func (s *realServer) beginOnWire(t *testing.T, topic string, header ...string) *wireStream {
	t.Helper()
	url := s.newWatch(t, `{"topics":{"`+topic+`":{"tail":true}}}`, header...)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	path := strings.TrimPrefix(url, "http://"+s.addr)
	request := "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n"
	for i := 0; i+1 < len(header); i += 2 {
		request += header[i] + ": " + header[i+1] + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	asked, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, asked)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	w := &wireStream{
		sseClient: &sseClient{t: t, resp: resp, r: bufio.NewReader(resp.Body), cancel: func() {}}, conn: conn, url: url,
	}
	w.opening()
	for _, st := range s.watches.streams() {
		if st.session.id == w.wid() {
			w.st = st
		}
	}
	return w
}

func (w *wireStream) wid() string { return w.url[strings.LastIndex(w.url, "/")+1:] }

// atRest waits until no stream has a turn or waits for one.
func (s *realServer) atRest(t *testing.T) {
	t.Helper()
	waitFor(t, func() bool { working, waiting := s.crew.busy(); return working == 0 && waiting == 0 })
}

// goroutines returns how many goroutines are in a function.
func goroutines(function string) int {
	stacks := make([]byte, 1<<20)
	for {
		n := runtime.Stack(stacks, true)
		if n < len(stacks) {
			return bytes.Count(stacks[:n], []byte(function+"("))
		}
		stacks = make([]byte, 2*len(stacks))
	}
}

// A stream over HTTP/1.1 with nothing to send has neither a worker nor the goroutine of
// its connection: all that is left is the small one that watches for its client's end.
// Over HTTP/2 it has its own.
func TestIdleStreamsHaveNoGoroutine(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "a", `{}`)
	var open []*wireStream
	for range 20 {
		open = append(open, s.openOnWire(t, "a"))
	}
	idle := func() bool {
		return goroutines("http1.(*Server).proceed") == 0 && goroutines("api.(*worker).run") == 0 &&
			goroutines("http1.(*watching).look") == len(open)
	}
	waitFor(t, idle)
	s.write(t, "a", "1")
	for _, w := range open {
		w.want("record", `"data":1`)
		w.want("caught-up", "")
	}
	waitFor(t, idle)
	if _, streams := s.watches.counts(); streams != len64(open) {
		t.Errorf("%d streams are open", streams)
	}
	other := openStream(t, clients(t)["h2c"], s.newWatch(t, `{"topics":{"a":{"tail":true}}}`), 200).opening()
	other.want("caught-up", "")
	if n := goroutines("watch.(*Session).Run"); n != 1 {
		t.Errorf("%d streams have a goroutine where one does over HTTP/2", n)
	}
	other.hangUp()
}

func len64[T any](s []T) int64 { return int64(len(s)) }

// The call of a stream that goes on is its own until the end, whatever calls come and
// end meanwhile. Only then is it observed, once, and what it holds given back.
func TestStreamKeepsItsCall(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "a", `{}`)
	w := s.openOnWire(t, "a")
	s.atRest(t)
	c := w.st.call
	route, request, writer := c.Route, c.Request, c.Writer
	for range 100 { // calls that take what the pool has
		s.write(t, "b", "1")
		resp, err := http.Get("http://" + s.addr + "/v0/topics/b")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if c.Route != route || c.Request != request || c.Writer != writer || !c.GoesOn {
		t.Errorf("the call of the stream is now one of %s", c.Route.Pattern)
	}
	s.atRest(t) // the last look at the call comes before its end
	series := fmt.Sprintf(`topics_http_requests_total{route=%q,method="GET",code="200"}`, route.Pattern)
	observed := func() float64 { return parseExposition(t, s.exposition()).values[series] }
	if n := observed(); n != 0 {
		t.Errorf("observed %v times before its end", n)
	}
	if u := s.bounds.Usage(); u.Streams != 1 || s.traffic.underway.Load() != 1 {
		t.Errorf("%+v, %d under way", u, s.traffic.underway.Load())
	}
	w.conn.Close()
	waitFor(t, func() bool { return observed() == 1 && s.traffic.underway.Load() == 0 })
	if u := s.bounds.Usage(); u.Streams != 0 || u.Memory != 0 {
		t.Errorf("%+v after its end", u)
	}
	s.write(t, "a", "2") // what would wake it
	s.atRest(t)
	if n := observed(); n != 1 {
		t.Errorf("observed %v times", n)
	}
}

// What a client sends while its stream goes on is answered after that, be it sent with
// the first request or later. The deadline of the stream's last words is over by then.
func TestRequestAfterStream(t *testing.T) {
	for _, early := range []bool{true, false} {
		t.Run(fmt.Sprintf("early=%t", early), func(t *testing.T) {
			s := serveReal(t, nil, nil)
			s.put(t, "a", `{}`)
			url := s.newWatch(t, `{"topics":{"a":{"tail":true}}}`)
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			wid := url[strings.LastIndex(url, "/")+1:]
			first := "GET /v0/watch/" + wid + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
			second := "GET /v0/topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n"
			if early {
				first += second
			}
			if _, err := io.WriteString(conn, first); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			events := bufio.NewReader(resp.Body)
			until := func(part string) {
				t.Helper()
				for line := ""; !strings.Contains(line, part); {
					if line, err = events.ReadString('\n'); err != nil {
						t.Fatalf("waiting for %s: %v", part, err)
					}
				}
			}
			until("caught-up")
			if !early {
				_, err = io.WriteString(conn, second)
			}
			s.write(t, "a", "7")
			until(`"data":7`)
			s.write(t, "a", "8")
			until(`"data":8`)
			if w := do(s, "POST", "/v0/admin/sessions/"+wid+"/close", "", "X-Confirm", "true"); w.Code != 200 || err != nil {
				t.Fatal(w.Body, err)
			}
			until("session_closed")
			if _, err := io.Copy(io.Discard, events); err != nil {
				t.Fatal(err)
			}
			resp, err = http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), `"head_seq":2`) {
				t.Errorf("%d %s, %v", resp.StatusCode, body, err)
			}
		})
	}
}

// A panic in a turn is logged with its cause and place, and ends that stream and no
// other. The worker goes on, and the session can be used again.
func TestPanicInATurn(t *testing.T) {
	var log lockedBuffer
	var panics atomic.Bool
	s := serveReal(t, func(o *Options) { o.Log = zerolog.New(&log) }, nil)
	s.frames().Delivered = func(int64, int) {
		if panics.Load() {
			panic("as the test wants")
		}
	}
	s.put(t, "a", `{}`)
	s.put(t, "b", `{}`)
	other := s.openOnWire(t, "b")
	panics.Store(true)
	w := s.openOnWire(t, "a")
	s.write(t, "a", "1")
	w.want("record", `"data":1`)
	w.want("caught-up", "")
	if ev, err := w.next(); err != io.ErrUnexpectedEOF {
		t.Errorf("%+v, %v where the stream is cut", ev, err)
	}
	waitFor(t, func() bool { _, streams := s.watches.counts(); return streams == 1 })
	s.atRest(t)
	waitFor(t, func() bool { return s.bounds.Usage().Streams == 1 })
	text := log.String()
	for _, part := range []string{"handler panicked", `"panic":"as the test wants"`, `"route":"/v0/watch/:wid"`, "watch.(*run).deliver"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	panics.Store(false)
	s.write(t, "b", "2")
	other.want("record", `"data":2`)
	again := openStream(t, http.DefaultClient, w.url, 200).opening()
	again.want("caught-up", `"head_seq":1`)
	again.hangUp()
}

// More clients than there are processors that take nothing hold up no other one.
func TestStalledFollowersHoldUpNoOther(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.watches.patience = time.Hour // with a client
	s.put(t, "a", `{}`)
	s.put(t, "b", `{}`)
	quick := s.openOnWire(t, "b")
	var stalled []*wireStream
	for range mostWorkers() + 1 {
		stalled = append(stalled, s.openOnWire(t, "a"))
	}
	s.fill(t, "")
	for _, w := range stalled {
		w.stalled(t)
	}
	s.atRest(t) // those that wait have stepped aside
	for i := range 3 {
		s.write(t, "b", fmt.Sprint(i))
		quick.want("record", fmt.Sprintf(`"data":%d`, i))
		quick.want("caught-up", "")
	}
	for _, w := range stalled {
		w.conn.Close()
		reached(t, w.st.done)
	}
}
