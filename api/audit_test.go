package api

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/audit"
	"github.com/e6e95bb8/topics/api/auth"
)

// trailOf asks for the trail and returns each entry as route, target and
// outcome, the newest first.
func trailOf(t *testing.T, s *Server, key, query string) (lines []string) {
	t.Helper()
	w := do(s, "GET", "/v0/admin/audit"+query, "", "Authorization", "Bearer "+key)
	var got struct{ Entries []audit.Entry }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, e := range got.Entries {
		if e.Remote != "192.0.2.1:1234" || e.Time == 0 {
			t.Errorf("entry %+v", e)
		}
		lines = append(lines, e.Route+" "+e.Target+" "+e.Outcome)
	}
	return lines
}

// Every call that changes a config, removes something or runs the server is on
// the trail, done or refused, whatever the log's level; no other call is.
func TestAuditTrail(t *testing.T) {
	var log strings.Builder
	audit := zerolog.New(&log).Level(zerolog.ErrorLevel)
	s, _ := keyedServer(t, rights, func(o *Options) { o.Audit, o.Storage = &audit, workingStorage() })
	confirmed := []string{"X-Confirm", "true"}
	for _, call := range []struct {
		key, method, target, body, want string
		status                          int
	}{
		{"all", "PUT", "/v0/topics/t", `{}`, "PUT /v0/topics/:topic t ok", 201},
		{"all", "PATCH", "/v0/topics/t", `{"ttl_ms":5}`, "PATCH /v0/topics/:topic t ok", 200},
		{"all", "POST", "/v0/topics/t", `{"records":[{"data":1}]}`, "", 200},
		{"all", "POST", "/v0/topics/u", `{"records":[{"data":1}],"config":{}}`, "POST /v0/topics/:topic u ok", 201},
		{"all", "GET", "/v0/topics/t", ``, "", 200},
		{"all", "POST", "/v0/topics/t/delete", `{"before_seq":1}`, "POST /v0/topics/:topic/delete t ok", 200},
		{"all", "POST", "/v0/topics/t/delete?dry_run=true", `{"before_seq":1}`, "", 200},
		{"all", "DELETE", "/v0/topics/u?dry_run=1", ``, "", 200},
		{"read", "DELETE", "/v0/topics/u?dry_run=1", ``, "DELETE /v0/topics/:topic u forbidden", 403},
		{"all", "PUT", "/v0/topics/u?dry_run=true", `{}`, "PUT /v0/topics/:topic u invalid_request", 400},
		{"all", "DELETE", "/v0/topics/u", ``, "DELETE /v0/topics/:topic u ok", 200},
		{"all", "PUT", "/v0/topics/t", `{"ttl_ms":"x"}`, "PUT /v0/topics/:topic t invalid_request", 400},
		{"all", "POST", "/v0/admin/checkpoint", ``, "POST /v0/admin/checkpoint server ok", 200},
		{"all", "GET", "/v0/admin/stats", ``, "GET /v0/admin/stats server ok", 200},
		{"all", "GET", "/v0/topics/t/inflight", ``, "GET /v0/topics/:topic/inflight t ok", 200},
		{"read", "GET", "/v0/admin/stats", ``, "GET /v0/admin/stats server forbidden", 403},
		{"read", "DELETE", "/v0/topics/t", ``, "DELETE /v0/topics/:topic t forbidden", 403},
		{"looks", "PUT", "/v0/topics/t", `{}`, "PUT /v0/topics/:topic t forbidden", 403},
		{"wrong", "DELETE", "/v0/topics/t", ``, "DELETE /v0/topics/:topic t unauthorized", 401},
	} {
		log.Reset()
		w := do(s, call.method, call.target, call.body, append(confirmed, "Authorization", "Bearer "+call.key)...)
		if w.Code != call.status {
			t.Errorf("%s %s: %d %s", call.method, call.target, w.Code, w.Body)
		}
		if lines := strings.Count(log.String(), "\n"); lines != len(strings.Fields(call.want))/4 {
			t.Errorf("%s %s: %d lines: %s", call.method, call.target, lines, log.String())
		}
		if call.want != "" {
			if got := trailOf(t, s, "looks", "?limit=1"); got[0] != call.want {
				t.Errorf("entry %s, want %s", got[0], call.want)
			}
			if !strings.Contains(log.String(), `"remote":"192.0.2.1:1234"`) || !strings.Contains(log.String(), `"message":"audit"`) {
				t.Errorf("line %s", log.String())
			}
		}
	}
}

// A target is cut, strangers get few lines, and the trail has a bound.
func TestAuditIsBounded(t *testing.T) {
	var log strings.Builder
	w := newWorld()
	now := time.UnixMilli(1_000_000)
	keys, err := auth.Parse("all")
	if err != nil {
		t.Fatal(err)
	}
	s := opsServer(w, func(o *Options) {
		o.Log, o.Keys = zerolog.New(&log), keys
		o.Now = func() time.Time { return now }
	})
	long := "/v0/topics/" + strings.Repeat("a", 60_000)
	for range 500 {
		do(s, "DELETE", long, "")
	}
	if n := strings.Count(log.String(), "\n"); n != audit.StrangerLines || log.Len() > n*600 {
		t.Errorf("%d lines, %d bytes", n, log.Len())
	}
	now = now.Add(time.Second)
	log.Reset()
	do(s, "DELETE", long, "")
	if want := fmt.Sprintf(`"suppressed":%d`, 500-audit.StrangerLines); !strings.Contains(log.String(), want) {
		t.Errorf("no %s in %s", want, log.String())
	}
	for i := range 2 * audit.Kept {
		do(s, "DELETE", fmt.Sprintf("/v0/topics/t%d", i), "", "Authorization", "Bearer all")
	}
	got := trailOf(t, s, "all", "?limit=100000")
	if len(got) != audit.Kept || !strings.Contains(got[0], fmt.Sprintf(" t%d ", 2*audit.Kept-1)) || !strings.Contains(got[audit.Kept-1], fmt.Sprintf(" t%d ", audit.Kept)) {
		t.Errorf("%d entries, from %s to %s", len(got), got[0], got[len(got)-1])
	}
}

// Each read of an administrator is on the trail. Those that repeat another within a minute
// are one line at its end, also if they do not come back; reads push out nothing that was
// changed.
func TestReadsAreAudited(t *testing.T) {
	var log strings.Builder
	now := time.UnixMilli(1_000_000)
	s, _ := keyedServer(t, rights, func(o *Options) {
		o.Log = zerolog.New(&log)
		o.Now = func() time.Time { return now }
	})
	read := func(target string) string {
		log.Reset()
		if w := do(s, "GET", target, "", "Authorization", "Bearer looks"); w.Code == 403 {
			t.Fatalf("%s: %d %s", target, w.Code, w.Body)
		}
		return log.String()
	}
	do(s, "PUT", "/v0/topics/t", `{}`, "Authorization", "Bearer all")
	for _, c := range []struct {
		target string
		after  time.Duration
		lines  []string // what each line has
	}{
		{"/v0/admin/stats", 0, []string{`"outcome":"ok"`}},
		{"/v0/admin/sessions", 0, []string{`"outcome":"ok"`}},
		{"/v0/admin/stats", time.Second, nil},
		{"/v0/admin/stats?prefix=t", time.Second, nil},
		{"/v0/topics/t/inflight", time.Second, []string{`"target":"t"`}},
		{"/v0/topics/t/inflight", time.Second, nil},
		{"/v0/topics/u/inflight", time.Second, []string{`"target":"u"`}},
		{"/v0/admin/stats", 54 * time.Second, nil},
		{"/v0/admin/stats", 2 * time.Second, []string{`"suppressed":2,"at":"` + now.Add(59*time.Second).Format(time.RFC3339)}}, // the last one waits
		{"/v0/topics/u/inflight", 3 * time.Second, []string{`"target":"t"`}},                                                   // t does not come back
		{"/v0/admin/sessions", 0, []string{`/v0/admin/sessions"`}},
		{"/v0/admin/stats", time.Minute, []string{`"target":"u"`, `/v0/admin/stats"`}},
		{"/v0/admin/sessions", -time.Hour, []string{`/v0/admin/stats"`, `/v0/admin/sessions"`}}, // the clock was set back
	} {
		now = now.Add(c.after)
		log := read(c.target)
		lines := slices.Collect(strings.Lines(log))
		same := len(lines) == len(c.lines)
		for i := 0; same && i < len(lines); i++ {
			same = strings.Contains(lines[i], c.lines[i])
		}
		if !same {
			t.Errorf("%s after %v: %s, want %q", c.target, c.after, log, c.lines)
		}
	}
	all := trailOf(t, s, "looks", "")
	if len(all) != 12 || all[0] != "GET /v0/admin/sessions server ok" || all[11] != "PUT /v0/topics/:topic t ok" {
		t.Errorf("%q", all)
	}
	for i := range audit.Kept + 100 { // more than are remembered as reads that may repeat
		if line := read(fmt.Sprintf("/v0/topics/t%d/inflight", i)); line == "" {
			t.Fatalf("read %d has no line", i)
		}
	}
	if all := trailOf(t, s, "looks", "?limit=5000"); len(all) != audit.Kept || !strings.Contains(all[0], " t1099 ") || !strings.Contains(all[999], " t100 ") {
		t.Errorf("%d entries, from %s to %s", len(all), all[0], all[len(all)-1])
	}
	if changes := trailOf(t, s, "looks", "?limit=5000&reads=false"); !slices.Equal(changes, []string{"PUT /v0/topics/:topic t ok"}) {
		t.Errorf("%q", changes)
	}
}

// A key with prefixes sees what it did, and what was done to what it sees.
func TestAuditWithinPrefixes(t *testing.T) {
	s, _ := keyedServer(t, "all,inside::in", nil)
	for _, call := range [][2]string{{"all", "in1"}, {"all", "out1"}, {"inside", "in2"}, {"inside", "out2"}} {
		do(s, "PUT", "/v0/topics/"+call[1], "", "Authorization", "Bearer "+call[0])
	}
	want := []string{
		"PUT /v0/topics/:topic out2 forbidden", "PUT /v0/topics/:topic in2 ok", "PUT /v0/topics/:topic in1 ok",
	}
	if got := trailOf(t, s, "inside", "?reads=false"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := trailOf(t, s, "all", "?reads=false"); len(got) != 4 {
		t.Errorf("%q", got)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/v0/admin/audit", nil))
	if w.Code != 401 {
		t.Errorf("without a key: %d", w.Code)
	}
}
