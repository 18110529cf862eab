package client

import (
	"fmt"
	"testing"
)

// The operators' calls are spelled as the server reads them, and their answers
// as it writes them.
func TestOperatorsCalls(t *testing.T) {
	c, s := scripted(t, 0,
		answer{status: 200, body: `{"key_id":"k","scopes":["read"],"prefixes":["a-"],"keys_required":true}`},
		answer{status: 200, body: `{"step_ms":5000,"times":[1,2],"series":{"topics":[null,3]},"fsync":{"bounds_us":[50],"counts":[[0,1],[2,3]]}}`},
		answer{status: 200, body: `{"requests":[{"id":"req_1","route":"/v0/ws","topic":"q","waiting":true,"you":true}],"total":1}`},
		answer{status: 200, body: `{"id":"req_1","cancelled":false,"reason":"why"}`},
		answer{status: 200, body: `{"sessions":[{"id":"wid_1","transport":"sse","topics":[{"topic":"t","cursor":3,"lag":4}],"topics_total":9}]}`},
		answer{status: 200, body: `{"id":"wid_1","closed":true}`},
		answer{status: 202, body: `{"state":"running","progress":0.5,"bytes_done":1,"bytes_total":2}`},
		answer{status: 200, body: `{"state":"done","progress":1,"result":{"damages_total":2}}`},
		answer{status: 202, body: `{"state":"running","started_at":"a","step":"files","segments_checked":1,"segments_total":2,"waits_for":"backup"}`},
		answer{status: 200, body: `{"state":"done","result":{"first_lsn":64,"first_file":"f","segments_rewritten":3,"elsewhere":{"archive_files_before":"f"}}}`},
		answer{status: 200, body: `{"timestamp":"2026-01-02T03:04:05.5Z","phase":"ready","health":"degraded","topics":{"topics":3},"wal":{"fsync_count":4},` +
			`"connections":{"open":5,"streams":6},"rates":{"1s":{"appends":1.5,"reads":null},"60s":{"errors":0.5}},"replay_bytes":7,"unsynced_bytes":null}`},
		answer{status: 503, body: `{"status":"unhealthy","checks":{"log":{"status":"unhealthy","reason":"why"}}}`},
		answer{status: 401, body: envelope(CodeUnauthorized)},
	)
	ctx := t.Context()
	var got []string
	add := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		got = append(got, fmt.Sprintf("%+v", v))
	}
	me, err := c.Whoami(ctx)
	add(me, err)
	h, err := c.History(ctx, "15m", "")
	add(fmt.Sprint(h.StepMS, h.Times, h.Series["topics"][0] == nil, *h.Series["topics"][1], h.Fsync), err)
	r, err := c.Requests(ctx)
	add(r, err)
	cancelled, reason, err := c.CancelRequest(ctx, "req_1")
	add(fmt.Sprint(cancelled, reason), err)
	l, err := c.Sessions(ctx, SessionFilter{KeyID: "k", Prefix: "a-"})
	add(fmt.Sprint(l[0].Transport, l[0].Topics, l[0].TopicsTotal), err)
	add("closed", c.CloseSession(ctx, "wid_1"))
	v, err := c.StartVerify(ctx)
	add(fmt.Sprint(v.State, v.Progress, v.BytesDone, v.BytesTotal), err)
	v, err = c.VerifyState(ctx)
	add(fmt.Sprint(v.State, v.Result.DamagesTotal), err)
	e, err := c.StartErasure(ctx)
	add(fmt.Sprint(e.State, e.StartedAt, e.Step, e.Checked, e.Segments, e.WaitsFor), err)
	e, err = c.ErasureState(ctx)
	add(fmt.Sprint(e.State, e.Result.FirstLSN, e.Result.FirstFile, e.Result.Rewritten, e.Result.Elsewhere.ArchiveBefore), err)
	o, err := c.Stats(ctx)
	add(fmt.Sprint(o.Timestamp.UnixMilli()%1000, o.Phase, o.Health, o.Topics.Topics, o.WAL.Fsyncs, o.Connections, *o.Rates.Second.Appends,
		o.Rates.Second.Reads == nil, *o.Rates.Minute.Errors, *o.ReplayBytes, o.UnsyncedBytes == nil), err)
	checks, err := c.Checks(ctx)
	add(checks, err)
	if _, err := c.Checks(ctx); !IsCode(err, CodeUnauthorized) {
		t.Errorf("checks without a key: %v", err)
	}
	for i, want := range []struct{ call, confirm, answer string }{
		{"GET /v0/whoami", "", "{KeyID:k Scopes:[read] Prefixes:[a-] KeysRequired:true}"},
		{"GET /v0/admin/history?span=15m", "", "5000 [1 2] true 3 {[50] [[0 1] [2 3]]}"},
		{"GET /v0/admin/requests?limit=1000", "", "[{ID:req_1 Method: Route:/v0/ws KeyID: Remote: Topic:q AgeMS:0 Waiting:true You:true}]"},
		{"POST /v0/admin/requests/req_1/cancel", "true", "falsewhy"},
		{"GET /v0/admin/sessions?key=k&limit=1000&prefix=a-", "", "sse[{t 3 4}] 9"},
		{"POST /v0/admin/sessions/wid_1/close", "true", "closed"},
		{"POST /v0/admin/verify?wait=false", "true", "running0.5 1 2"},
		{"GET /v0/admin/verify", "", "done2"},
		{"POST /v0/admin/compact?wait=false", "true", "runningafiles1 2backup"},
		{"GET /v0/admin/compact", "", "done64f3f"},
		{"GET /v0/admin/stats", "", "500readydegraded3 4 {5 6 0} 1.5 true 0.5 7 true"},
		{"GET /health", "", "map[log:{Status:unhealthy Reason:why}]"},
	} {
		if i >= len(s.requests) {
			t.Fatalf("only %d requests", len(s.requests))
		}
		req := s.requests[i]
		if call := req.Method + " " + req.URL.RequestURI(); call != want.call || req.Header.Get("X-Confirm") != want.confirm || got[i] != want.answer {
			t.Errorf("%s (%s): %s; want %+v", call, req.Header.Get("X-Confirm"), got[i], want)
		}
	}
}
