package api

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
)

// A session belongs to the key that made it, and a key watches only what it
// sees.
func TestWatchKeys(t *testing.T) {
	keys, err := auth.Parse("all,one:r:x:|y,two:r:x:,writer:w")
	if err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, func(o *Options) { o.Keys = keys }, nil)
	bearer := func(secret string) []string { return []string{"Authorization", "Bearer " + secret} }
	for _, name := range []string{"x:1", "z:1"} {
		if w := do(s, "POST", "/v0/topics/"+name, `{"records":[{}]}`, bearer("all")...); w.Code != 201 {
			t.Fatal(w.Body)
		}
	}
	wantCode(t, do(s, "POST", "/v0/watch", `{"topics":{"x:1":{}}}`), 401, "unauthorized")
	wantCode(t, do(s, "POST", "/v0/watch", `{"topics":{"x:1":{}}}`, bearer("writer")...), 403, "forbidden")
	wantCode(t, do(s, "POST", "/v0/watch", `{"topics":{"x:1":{},"z:1":{}}}`, bearer("one")...), 403, "forbidden")
	wantCode(t, do(s, "POST", "/v0/watch?lenient=true", `{"topics":{"z:absent":{}}}`, bearer("one")...), 403, "forbidden")
	wantCode(t, do(s, "POST", "/v0/watch", `{"prefixes":{"x":{}}}`, bearer("one")...), 403, "forbidden")
	url := s.newWatch(t, `{"topics":{"x:1":{}},"prefixes":{"":{}}}`, bearer("one")...)
	for _, secret := range []string{"two", "all"} {
		openStream(t, http.DefaultClient, url, 404, bearer(secret)...).hangUp()
	}
	openStream(t, http.DefaultClient, url, 401).hangUp()
	c := openStream(t, http.DefaultClient, url+"?token=one", 200).opening()
	c.want("record", `"topic":"x:1"`)
	c.want("caught-up", "")
	for _, name := range []string{"z:2", "y2"} { // the empty prefix is of what the key sees
		if w := do(s, "POST", "/v0/topics/"+name, `{"records":[{}]}`, bearer("all")...); w.Code != 201 {
			t.Fatal(w.Body)
		}
	}
	c.want("record", `"topic":"y2"`)
	c.hangUp()
}

// Administrators see sessions and end them.
func TestAdminSessions(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.write(t, "a", "1")
	url := s.newWatch(t, `{"topics":{"a":{"tail":true}},"prefixes":{"x":{}}}`)
	c := openStream(t, http.DefaultClient, url, 200).opening()
	c.want("caught-up", "")
	idle := s.newWatch(t, `{"topics":{"a":{}}}`)
	list := object(t, do(s, "GET", "/v0/admin/sessions", ""))
	rows, _ := list["sessions"].([]any)
	if len(rows) != 2 || list["total"] != 2.0 {
		t.Fatal(list)
	}
	row := rows[0].(map[string]any)
	wid := url[strings.LastIndex(url, "/")+1:]
	if row["id"] != wid || row["kind"] != "watch" || row["streaming"] != true || row["topics_total"] != 1.0 || row["prefixes"] != 1.0 ||
		row["key"] != "anonymous" || row["idle_until_ts"] != nil {
		t.Error(row)
	}
	if until := rows[1].(map[string]any)["idle_until_ts"]; until == nil {
		t.Error(rows[1])
	}
	page := object(t, do(s, "GET", "/v0/admin/sessions?limit=1&offset=1", ""))
	if rows := page["sessions"].([]any); len(rows) != 1 || !strings.HasSuffix(idle, rows[0].(map[string]any)["id"].(string)) {
		t.Error(page)
	}
	if rows := object(t, do(s, "GET", "/v0/admin/sessions?offset=99", ""))["sessions"].([]any); len(rows) != 0 {
		t.Error(rows)
	}
	for _, query := range []string{"limit=0", "limit=-1", "offset=x"} {
		wantCode(t, do(s, "GET", "/v0/admin/sessions?"+query, ""), 400, "invalid_request")
	}
	wantCode(t, do(s, "POST", "/v0/admin/sessions/"+wid+"/close", ""), 400, "invalid_request")
	wantCode(t, do(s, "POST", "/v0/admin/sessions/absent/close", "", "X-Confirm", "true"), 404, "not_found")
	if w := do(s, "POST", "/v0/admin/sessions/"+wid+"/close", "", "X-Confirm", "true"); w.Code != 200 {
		t.Fatal(w.Body)
	}
	c.want("error", `{"code":410,"error":"session_closed",`)
	c.wantEnd()
	openStream(t, http.DefaultClient, url, 404).hangUp()
	if w := do(s, "POST", "/v0/admin/sessions/"+idle[strings.LastIndex(idle, "/")+1:]+"/close", "", "X-Confirm", "true"); w.Code != 200 {
		t.Fatal(w.Body)
	}
	waitFor(t, func() bool { n, m := s.watches.counts(); return n+m == 0 })
}

// The oldest come first, also of those that were opened in one millisecond.
func TestSessionsAreListedInOrder(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "a", "")
	var want, got []string
	for range 50 {
		url := s.newWatch(t, `{"topics":{"a":{}}}`)
		want = append(want, url[strings.LastIndex(url, "/")+1:])
	}
	for _, row := range object(t, do(s, "GET", "/v0/admin/sessions", ""))["sessions"].([]any) {
		got = append(got, row.(map[string]any)["id"].(string))
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

// A session lasts as long as its stream, and its time without one beyond.
func TestSessionExpiry(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.watches.ttl = 20 * time.Millisecond
	s.write(t, "a", "1")
	first := s.newWatch(t, `{"topics":{"a":{}}}`)
	waitFor(t, func() bool { n, _ := s.watches.counts(); return n == 0 })
	openStream(t, http.DefaultClient, first, 404).hangUp()
	s.watches.ttl = time.Hour
	kept := s.newWatch(t, `{"topics":{"a":{}}}`)
	s.watches.ttl = 20 * time.Millisecond
	c := openStream(t, http.DefaultClient, kept, 200).opening()
	c.want("record", "")
	c.want("caught-up", "")
	// Another one comes and goes meanwhile.
	s.newWatch(t, `{"topics":{"a":{}}}`)
	waitFor(t, func() bool { n, _ := s.watches.counts(); return n == 1 })
	s.write(t, "a", "2")
	c.want("record", "")
	c.hangUp()
	waitFor(t, func() bool { n, _ := s.watches.counts(); return n == 0 })
}

func TestStreamCaps(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.MaxStreams = 1 }, nil)
	s.write(t, "a", "1")
	url := s.newWatch(t, `{"topics":{"a":{"tail":true}}}`)
	c := openStream(t, http.DefaultClient, url, 200).opening()
	other := s.newWatch(t, `{"topics":{"a":{"tail":true}}}`)
	openStream(t, http.DefaultClient, other, 429).hangUp()
	if got := object(t, do(s, "GET", "/v0/metrics", "", "Accept", wire.MediaJSON))["sse_connections"]; got != 1.0 {
		t.Errorf("%v streams", got)
	}
	c.hangUp()
	waitFor(t, func() bool { return s.bounds.Usage().Streams == 0 })
	openStream(t, http.DefaultClient, other, 200).opening().hangUp()
}

// An idle watcher costs little: its connection, its goroutines and its session.
func TestIdleWatchers(t *testing.T) {
	if testing.Short() {
		t.Skip("opens many connections")
	}
	const watchers, most = 500, 48 << 10 // the race detector has its share in it
	s := serveReal(t, nil, nil)
	s.write(t, "a", `"`+strings.Repeat("x", 100<<10)+`"`)
	memory := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse) // may fall: tests before this one leave things behind
	}
	before := memory()
	conns := make([]net.Conn, watchers)
	for i := range conns {
		url := s.newWatch(t, `{"topics":{"a":{}}}`)
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", url[len("http://"+s.addr):]); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		r := bufio.NewReader(conn)
		for line := ""; !strings.HasPrefix(line, "event: caught-up"); {
			if line, err = r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
	each := (memory() - before) / watchers
	t.Logf("%d bytes each", each)
	if each > most {
		t.Errorf("%d bytes for each idle watcher, want at most %d", each, most)
	}
}

// At its end a server is not kept by a timer for its sessions.
func TestFinishStopsTheSweep(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "a", `{}`)
	s.newWatch(t, `{"topics":{"a":{}}}`)
	s.down()
	if s.watches.sweep.Stop() {
		t.Error("the timer runs on")
	}
}
