package top

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

func overview(t *testing.T, text string) client.Stats {
	t.Helper()
	var s client.Stats
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func is(v *float64, want float64) bool { return v != nil && *v == want }

// Rates of counters are of the time between two overviews of the server; one that
// was restarted meanwhile counts from 0.
func TestReading(t *testing.T) {
	first := overview(t, `{"timestamp":"2026-01-02T03:04:05Z","uptime_ms":5000,"wal":{"fsync_count":100},"rates":{"1s":{"appends":null}}}`)
	second := overview(t, `{"timestamp":"2026-01-02T03:04:07Z","uptime_ms":7000,"phase":"ready","wal":{"fsync_count":300},
		"topics":{"appended_bytes":50,"records_live":7},"connections":{"streams":2,"sockets":1},"rates":{"1s":{"appends":12.5,"errors":0}}}`)
	half, p99 := 0.5, 100.0
	past := client.History{Series: map[string][]*float64{"appends_per_s": {nil, &half, &p99}, "fsync_p99_us": {&half, &p99}, "fsync_p50_us": {&half, nil}}}

	var rs readings
	r := rs.of(&snapshot{stats: first})
	if r.Syncs != nil || r.Appends != nil || r.Pressure != nil || r.Busiest != nil {
		t.Errorf("first: %+v", r)
	}
	if line := r.line(); !strings.Contains(line, "appends/s -  ") || !strings.Contains(line, "fsync p99 -  pressure -") {
		t.Errorf("first: %s", line)
	}
	for range 2 { // the same overview again is no new reading
		r = rs.of(&snapshot{stats: second, past: past, busiest: []client.Listed{{Topic: "a", WriteRate: 3, Count: 4, Bytes: 5}}})
		if !is(r.Syncs, 100) || !is(r.AppendBytes, 25) || !is(r.Appends, 12.5) || r.Subscribers != 3 || r.Records != 7 {
			t.Errorf("%+v", r)
		}
		if !is(r.SyncP99, 100) || r.SyncP50 != nil || len(r.past) != 2 {
			t.Errorf("%v, %v, %v", r.SyncP99, r.SyncP50, r.past)
		}
		if len(r.Busiest) != 1 || r.Busiest[0] != (busy{"a", 3, 4, 5}) {
			t.Errorf("%v", r.Busiest)
		}
	}
	restarted := second
	restarted.Timestamp, restarted.UptimeMS = second.Timestamp.Add(10*time.Second), 2000
	if r := rs.of(&snapshot{stats: restarted}); !is(r.Syncs, 150) {
		t.Errorf("after a restart: %v", r.Syncs)
	}
	turned := restarted
	turned.Timestamp, turned.UptimeMS = first.Timestamp, 3000
	if r := rs.of(&snapshot{stats: turned}); r.Syncs != nil {
		t.Errorf("after the clock was put back: %v", *r.Syncs)
	}
}

// fake answers as a server in one phase at one time does, and counts what it is
// asked.
type fake struct {
	stats                   client.Stats
	readable                bool // by the key
	histories, lists, looks int
}

func (f *fake) Stats(context.Context) (client.Stats, error) { return f.stats, nil }

func (f *fake) History(context.Context, string, string) (client.History, error) {
	f.histories++
	v := 0.25
	return client.History{Series: map[string][]*float64{"pressure": {&v}}}, nil
}

func (f *fake) Checks(context.Context) (map[string]client.Check, error) {
	f.looks++
	return map[string]client.Check{"log": {Status: "healthy"}, "disk_space": {Status: "unhealthy", Reason: "full"}}, nil
}

func (f *fake) FindTopics(context.Context, client.TopicFilter) iter.Seq2[client.Listed, error] {
	f.lists++
	return func(yield func(client.Listed, error) bool) {
		if !f.readable {
			yield(client.Listed{}, &client.Error{Status: 403, Code: client.CodeForbidden})
			return
		}
		yield(client.Listed{Topic: "a", WriteRate: 2}, nil)
	}
}

// History and topics are read every five seconds and when the phase changes,
// topics of a server that is ready only, and checks while one of them is bad.
func TestSource(t *testing.T) {
	s := &fake{}
	from := source{api: s}
	for _, step := range []struct {
		phase, health, at string
		readable          bool
		histories, lists  int
		topics, bad       int
	}{
		{"replaying", "unhealthy", "2026-01-02T03:04:05Z", true, 1, 0, 0, 1},
		{"ready", "healthy", "2026-01-02T03:04:06Z", true, 2, 1, 1, 0},
		{"ready", "healthy", "2026-01-02T03:04:10Z", true, 2, 1, 1, 0},
		{"ready", "degraded", "2026-01-02T03:04:11Z", true, 3, 2, 1, 1},
		{"ready", "healthy", "2026-01-02T03:04:00Z", false, 4, 3, 0, 0}, // the clock was put back
	} {
		s.stats = overview(t, `{"timestamp":"`+step.at+`","phase":"`+step.phase+`","health":"`+step.health+`"}`)
		s.readable = step.readable
		now, err := from.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.histories != step.histories || s.lists != step.lists {
			t.Errorf("%s %s: asked for %d histories and %d lists", step.phase, step.at, s.histories, s.lists)
		}
		if len(now.busiest) != step.topics || len(now.checks) != step.bad || !is(latest(&now.past, "pressure"), 0.25) {
			t.Errorf("%s %s: %+v", step.phase, step.at, now)
		}
	}
	if s.looks != 2 {
		t.Errorf("checks were asked for %d times", s.looks)
	}
}
