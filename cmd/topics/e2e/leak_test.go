package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// Limits of the test's server: of streams, each of which has a session, and of
// concurrent requests.
const (
	streamCap  = 400
	requestCap = 300
)

// TestCutConnectionsLeaveNothing makes 10,000 connections and cuts them at
// random moments. Afterwards the server is as before: it has no more
// goroutines, files or sessions, hardly more memory, and every slot is free.
func TestCutConnectionsLeaveNothing(t *testing.T) {
	streams := strconv.Itoa(streamCap)
	server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret,
		"TOPICS_MAX_SSE_CONNECTIONS="+streams, "TOPICS_MAX_SSE_CONNECTIONS_PER_KEY="+streams,
		"TOPICS_MAX_INFLIGHT_PER_KEY="+strconv.Itoa(requestCap),
		"TOPICS_CACHE_BYTES=1MiB",         // otherwise writes would fill it
		"TOPICS_CHECKPOINT_INTERVAL_MS=0", // segments are files too
		"GOGC=20").ready()                 // so that live memory soon differs little from uncollected memory
	c := server.keyed()
	for _, name := range []string{"busy", "quiet"} {
		write(t, c, name, `1`)
	}
	one := keyed() // its connections are closed before anything is counted
	session := func() string {
		t.Helper()
		var answer struct {
			URL string `json:"stream_url"`
		}
		err := call(context.Background(), one, http.MethodPost, server.url()+"/v0/watch",
			map[string]any{"topics": map[string]any{"busy": map[string]any{"from_seq": 0}, "quiet": map[string]any{"tail": true}}}, &answer)
		if err != nil {
			t.Fatal(err)
		}
		return answer.URL
	}
	s := newStorm(t, server.addr())
	for range streamCap {
		s.streams = append(s.streams, session())
	}

	one.CloseIdleConnections()
	m := meter{t: t, server: server, c: c}
	files := m.read()["process_open_fds"]
	s.run(0, 1000) // initializes what is allocated once, for the first connection of a kind
	before := m.settled(gauges{"process_open_fds": files + 4, "topics_sse_connections": 0, "topics_ws_connections": 0,
		"topics_watch_sessions": streamCap, "go_goroutines": math.Inf(1)})
	for range 50 { // the last connections are still being closed
		before["go_goroutines"] = min(before["go_goroutines"], m.read()["go_goroutines"])
	}
	heap := m.heap()

	s.run(1000, 11000)
	m.settled(before)
	if now := m.heap(); now > heap+heapSlack {
		t.Errorf("%.0f bytes are alive after 10000 connections, %.0f before", now, heap)
	} else {
		t.Logf("alive: %.0f bytes before, %.0f after; %v", heap, now, before)
	}

	// All slots of streams are available, and no more than all.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, url := range s.streams {
		if _, err := openStream(ctx, one, server.url()+url, ""); err != nil {
			t.Fatalf("a stream's slot is not free: %v", err)
		}
	}
	_, err := openStream(ctx, one, server.url()+session(), "")
	var refused *status
	if !errors.As(err, &refused) || refused.code != http.StatusTooManyRequests {
		t.Errorf("a stream beyond the cap: %v", err)
	}
	cancel()
	one.CloseIdleConnections()
	before["topics_watch_sessions"]++
	m.settled(before)
	takeRequests(t, server)
	m.settled(before)
}

// takeRequests takes all slots of requests, and no more than all, with writes
// whose body never arrives.
func takeRequests(t *testing.T, server *process) {
	t.Helper()
	for n := range requestCap + 1 {
		conn, err := net.Dial("tcp", server.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v0/topics/quiet HTTP/1.1\r\nHost: topics\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", secret)
		answer, err := bufio.NewReader(conn).ReadString('\n')
		want := "HTTP/1.1 100 Continue\r\n"
		if n == requestCap {
			want = "HTTP/1.1 429 Too Many Requests\r\n"
		}
		if answer != want {
			t.Fatalf("with %d of %d requests under way: %q, %v", n, requestCap, answer, err)
		}
	}
}

// heapSlack is how much more memory may be live after 10,000 connections: the
// writes among them are still indexed, and 300 bytes for each would be noticed.
const heapSlack = 3 << 20

// gauges are metrics that have one value.
type gauges map[string]float64

// meter reads a server's metrics.
type meter struct {
	t      *testing.T
	server *process
	c      *client.Client
}

func (m meter) read() gauges {
	m.t.Helper()
	text, err := m.c.Metrics(context.Background())
	if err != nil {
		m.t.Fatal(err)
	}
	all := gauges{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				all[name] = v
			}
		}
	}
	return all
}

// settled waits until no gauge is above its maximum, and returns their values
// then.
func (m meter) settled(most gauges) gauges {
	m.t.Helper()
	var now gauges
	settled := func() bool {
		now = pick(m.read(), most)
		for name, limit := range most {
			if v, ok := now[name]; !ok || v > limit {
				return false
			}
		}
		return true
	}
	timeout := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !settled() {
		select {
		case <-tick.C:
		case <-timeout:
			m.server.signal(syscall.SIGQUIT) // prints its stacks, which show what is left
			m.server.exit()
			m.t.Fatalf("not given back: %v, may be %v", now, most)
		}
	}
	return now
}

func pick(all, names gauges) gauges {
	some := gauges{}
	for name := range names {
		if v, ok := all[name]; ok {
			some[name] = v
		}
	}
	return some
}

// heap returns the live memory after three collections, because pools keep
// objects over one. Each request of the metrics triggers a collection.
func (m meter) heap() float64 {
	m.t.Helper()
	runs := m.read()["go_gc_duration_seconds_count"]
	least := math.Inf(1)
	m.server.until("the collector has run", func() bool {
		now := m.read()
		if now["go_gc_duration_seconds_count"] >= runs+3 {
			least = min(least, now["go_memstats_heap_alloc_bytes"])
		}
		return now["go_gc_duration_seconds_count"] >= runs+6
	})
	return least
}
