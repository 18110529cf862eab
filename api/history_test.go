package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

type historyDocument struct {
	StepMS int64                 `json:"step_ms"`
	Times  []int64               `json:"times"`
	Series map[string][]*float64 `json:"series"`
	Fsync  struct {
		Bounds []float64 `json:"bounds_us"`
		Counts [][]int64 `json:"counts"`
	} `json:"fsync"`
}

func historyOf(t *testing.T, s *Server, query string, header ...string) (d historyDocument) {
	t.Helper()
	w := get(s, "GET", "/v0/admin/history"+query, header...)
	if err := json.Unmarshal(w.Body.Bytes(), &d); w.Code != 200 || err != nil || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %.300s", w.Code, err, w.Body)
	}
	return d
}

// last is the newest value of a series, as text.
func (d *historyDocument) last(name string) string {
	values := d.Series[name]
	if len(values) == 0 {
		return "none"
	}
	v := values[len(values)-1]
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

// The history begins with the server, goes on through the replay, and shows
// values per second of counters that begin when the data is there.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.progress = replaying
		log := wal.Stats{}
		s := New(Options{
			Hosts: testHosts, Gate: w, Health: w, WAL: func() wal.Stats { return log },
			Disk: func() (free, total uint64) { return 10, 100 }, Descriptors: func() int64 { return 33 },
		})
		s.telemetry.Sample(time.Now())
		pass := func(d time.Duration) {
			for range d / time.Second {
				time.Sleep(time.Second)
				s.telemetry.Sample(time.Now())
			}
		}
		pass(11 * time.Second)
		d := historyOf(t, s, "")
		if d.StepMS != 5000 || len(d.Times) != 2 || d.Times[1]-d.Times[0] != 5000 {
			t.Errorf("steps of %d ms at %v", d.StepMS, d.Times)
		}
		for name, want := range map[string]string{"appends_per_s": "null", "topics": "null", "disk_free_bytes": "10", "requests_per_s": "0"} {
			if got := d.last(name); got != want {
				t.Errorf("replaying: %s is %s, want %s", name, got, want)
			}
		}

		e := &opsEngine{totals: topic.Totals{Topics: 3, AppendedRecords: 1000}, pressure: 0.25}
		e.totals.Jobs.Claimed = 7
		s.Open(e)
		w.progress = phases["ready"]
		pass(10 * time.Second)
		e.totals.AppendedRecords, e.totals.AppendedBytes, e.totals.Jobs.Claimed = 1050, 500, 12
		log = wal.Stats{Written: 70, Synced: 30, QueueDepth: 1, QueueBytes: 4, Syncing: 3 * time.Second}
		for range 20 {
			s.ObserveGroup(wal.Group{Sync: 120 * time.Microsecond})
		}
		get(s, "GET", "/v0/health")
		get(s, "GET", "/nowhere")
		pass(5 * time.Second)
		d = historyOf(t, s, "")
		for name, want := range map[string]string{
			"appends_per_s": "10", "append_bytes_per_s": "100", "claims_per_s": "1", "acks_per_s": "0", "topics": "3", "pressure": "0.25",
			"unsynced_bytes": "40", "wal_queue_ratio": "0.25", "sync_under_way_ms": "3000", "fsyncs_per_s": "4", "fsync_p50_us": "125",
			"errors_per_s": "0.2", "requests_per_s": "0.4", "descriptors": "33", "disk_total_bytes": "100", "router_lag": "0",
		} {
			if got := d.last(name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		for name, values := range d.Series {
			if len(values) != len(d.Times) {
				t.Errorf("%s has %d values for %d steps", name, len(values), len(d.Times))
			}
		}
		if len(d.Series) < 40 || len(d.Fsync.Counts) != len(d.Times) || !slices.Equal(d.Fsync.Bounds, metrics.FsyncBounds()) {
			t.Errorf("%d series, %d rows of buckets, bounds %v", len(d.Series), len(d.Fsync.Counts), d.Fsync.Bounds)
		}
		if row := d.Fsync.Counts[len(d.Times)-1]; len(row) != len(d.Fsync.Bounds)+1 || row[2] != 20 {
			t.Errorf("buckets %v", row)
		}

		overview := object(t, get(s, "GET", "/v0/admin/stats"))
		rates := overview["rates"].(map[string]any)
		second, minute := rates["1s"].(map[string]any), rates["60s"].(map[string]any)
		if second["appends"] != 0.0 || minute["appends"] != 3.571 || minute["claims"] != 0.357 || minute["reads"] != 0.0 {
			t.Errorf("rates %v", rates)
		}
		if overview["unsynced_bytes"] != 40.0 || overview["replay_bytes"] != 0.0 {
			t.Errorf("unsynced %v, to replay %v", overview["unsynced_bytes"], overview["replay_bytes"])
		}

		pass(2 * time.Hour)
		for query, steps := range map[string]int{
			"": 720, "?span=1h": 720, "?span=60m0s&step=5s": 720, "?span=1h&step=1h": 2, "?span=5s": 1, "?span=10m&step=30s": 21,
		} {
			if d := historyOf(t, s, query); len(d.Times) > steps || len(d.Times) < steps-1 {
				t.Errorf("%s: %d steps, want %d", query, len(d.Times), steps)
			}
		}
		if n := get(s, "GET", "/v0/admin/history").Body.Len(); n > 1<<20 {
			t.Errorf("an answer has %d bytes", n)
		}
	})
}

// The counters are read until the context ends.
func TestKeepHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := openServer(nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			s.KeepHistory(ctx)
			close(ended)
		}()
		time.Sleep(60*time.Second + time.Millisecond)
		synctest.Wait()
		d := historyOf(t, s, "")
		if len(d.Times) != 12 {
			t.Errorf("%d steps in a minute", len(d.Times))
		}
		for i := 1; i < len(d.Times); i++ {
			if step := d.Times[i] - d.Times[i-1]; step != 5000 {
				t.Errorf("step %d has %d ms", i, step)
			}
		}
		cancel()
		<-ended
	})
}

func TestHistoryParameters(t *testing.T) {
	s, _ := openServer(nil)
	for query, field := range map[string]string{
		"span=2h": "span", "span=0": "span", "span=7s": "span", "span=x": "span", "span=-5s": "span", "span=": "span",
		"step=1s": "step", "step=2h": "step", "span=5s&step=10s": "step",
	} {
		w := get(s, "GET", "/v0/admin/history?"+query)
		wantCode(t, w, 400, "invalid_request")
		if !strings.Contains(w.Body.String(), `"field":"`+field+`"`) {
			t.Errorf("%s: %s", query, w.Body)
		}
	}
}

// Totals within prefixes are of the names that the key sees, and are counted once
// for all who ask.
func TestOverviewWithin(t *testing.T) {
	s, _ := keyedServer(t, "all,mine:ar:a-|c-", nil)
	for _, name := range []string{"a-1", "a-2", "b-1", "c-1"} {
		if w := do(s, "POST", "/v0/topics/"+name, `{"records":[{"data":1},{"data":2}]}`, "Authorization", "Bearer all"); w.Code > 201 {
			t.Fatal(w.Body)
		}
	}
	if w := do(s, "PUT", "/v0/topics/c-q", `{"type":"queue"}`, "Authorization", "Bearer all"); w.Code != 201 {
		t.Fatal(w.Body)
	}
	for _, tc := range []struct{ key, query, want string }{
		{"all", "", "<nil>"},
		{"all", "?prefix=a-", "[a-] 2 4 0 false"},
		{"all", "?prefix=none", "[none] 0 0 0 false"},
		{"mine", "", "[a- c-] 4 6 1 false"},
		{"mine", "?prefix=c-q", "[c-q] 1 0 1 false"},
		{"mine", "?prefix=b", "[] 0 0 0 false"},
	} {
		m := object(t, get(s, "GET", "/v0/admin/stats"+tc.query, "Authorization", "Bearer "+tc.key))
		got := fmt.Sprint(m["within"])
		if v, ok := m["within"].(map[string]any); ok {
			got = fmt.Sprint(v["prefixes"], v["topics"], v["records_live"], v["queue_topics"], v["truncated"])
			got = strings.ReplaceAll(got, "]", "] ")
			got = strings.Join(strings.Fields(got), " ")
		}
		if got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.key, tc.query, got, tc.want)
		}
	}
	wantCode(t, get(s, "GET", "/v0/admin/stats?prefix="+strings.Repeat("x", 256), "Authorization", "Bearer all"), 400, "invalid_request")
}

func TestWhoami(t *testing.T) {
	open, _ := openServer(nil)
	keyed, _ := keyedServer(t, "all,reads:r,some:rw+ar:a-|b-", nil)
	ids := map[string]string{}
	for _, tc := range []struct {
		server *Server
		key    string
		want   string
	}{
		{open, "", `map[key_id:anonymous keys_required:false prefixes:[] scopes:[read write delete admin-read admin-write]]`},
		{keyed, "all", `map[key_id:ID keys_required:true prefixes:[] scopes:[read write delete admin-read admin-write]]`},
		{keyed, "reads", `map[key_id:ID keys_required:true prefixes:[] scopes:[read]]`},
		{keyed, "some", `map[key_id:ID keys_required:true prefixes:[a- b-] scopes:[read write admin-read]]`},
	} {
		w := get(tc.server, "GET", "/v0/whoami", "Authorization", "Bearer "+tc.key)
		m := object(t, w)
		if id := m["key_id"].(string); tc.key != "" {
			if ids[id] != "" || strings.Contains(w.Body.String(), tc.key+`"`) && tc.key != "all" {
				t.Errorf("%s: %s", tc.key, w.Body)
			}
			ids[id], m["key_id"] = tc.key, "ID"
		}
		if got := fmt.Sprint(m); w.Code != 200 || got != tc.want || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", tc.key, w.Code, got)
		}
	}
	wantCode(t, get(keyed, "GET", "/v0/whoami"), 401, "unauthorized")
	for name, progress := range phases {
		world := newWorld()
		world.progress = progress
		if w := get(opsServer(world, nil), "GET", "/v0/whoami"); w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
