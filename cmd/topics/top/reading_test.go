package top

import (
	"encoding/json"
	"testing"
	"time"
)

func counted(t *testing.T, at time.Time, text string) *counters {
	t.Helper()
	c := &counters{at: at}
	if err := json.Unmarshal([]byte(text), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// Rates are of the time between two readings; a server that was restarted
// meanwhile counts from 0.
func TestReading(t *testing.T) {
	at := time.Unix(1000, 0)
	before := counted(t, at, `{"uptime_ms":5000,"appended_records":100,"http_requests":[{"code":"200","count":10}],
		"wal":{"fsync_latency_us":{"buckets":[{"le":"50","count":9},{"le":"100","count":9},{"le":"+Inf","count":9}]}},
		"per_topic":[{"topic":"a","head_seq":50}]}`)
	after := `"appended_records":300,"http_requests":[{"code":"200","count":20},{"code":"404","count":4}],
		"wal":{"fsync_latency_us":{"buckets":[{"le":"50","count":10},{"le":"100","count":19},{"le":"+Inf","count":20}]}},
		"per_topic":[{"topic":"b","head_seq":2},{"topic":"a","head_seq":250}],"checks":{"log":"healthy","disk_space":"degraded"},"sse_connections":2,"ws_connections":1}`
	r := counted(t, at.Add(2*time.Second), `{"uptime_ms":7000,`+after).since(before)
	if r.Appends != 100 || r.Requests != 7 || r.Errors != 2 || r.Subscribers != 3 {
		t.Errorf("%+v", r)
	}
	if r.SyncP50 == nil || *r.SyncP50 != 100 || r.SyncP99 == nil || *r.SyncP99 != 100 {
		t.Errorf("%v, %v", r.SyncP50, r.SyncP99)
	}
	if len(r.Busiest) != 2 || r.Busiest[0].Topic != "a" || r.Busiest[0].Appends != 100 {
		t.Errorf("%+v", r.Busiest)
	}
	if len(r.Checks) != 1 || r.Checks["disk_space"] != "degraded" {
		t.Errorf("%v", r.Checks)
	}
	if again := counted(t, at.Add(2*time.Second), `{"uptime_ms":100,`+after).since(before); again.Appends != 150 {
		t.Errorf("after a restart: %v", again.Appends)
	}
	idle := counted(t, at.Add(time.Second), `{"uptime_ms":6000,"appended_records":100}`).since(before)
	if idle.SyncP99 != nil || micros(idle.SyncP99) != "-" {
		t.Errorf("no sync: %v", idle.SyncP99)
	}
}
