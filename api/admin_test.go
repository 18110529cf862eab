package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/admin"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics/record"
)

// ask sends an admin call over the wire and reads its answer.
func ask(ctx context.Context, client *http.Client, addr, route string, header ...string) (*http.Response, string, error) {
	method, path, _ := strings.Cut(route, " ")
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, nil)
	if err != nil {
		return nil, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

const (
	checkpointRoute, verifyRoute = "POST /v0/admin/checkpoint", "POST /v0/admin/verify"
	compactRoute, backupRoute    = "POST /v0/admin/compact", "POST /v0/admin/backup"
)

func TestAdminRoutes(t *testing.T) {
	s, log := adminServer(workingStorage(), nil)
	addr, shutdown := serve(t, s)
	for proto, client := range clients(t) {
		for _, tc := range []struct {
			route, confirm string
			status         int
			want, media    string
		}{
			{checkpointRoute, "true", 200, `{"checkpoint":7,"performance":{"server_total_ms":`, wire.MediaJSON},
			{verifyRoute, "true", 200, `{"damages_total":0,"performance":{`, wire.MediaJSON},
			{compactRoute, "true", 200, `{"records_erased":5,"performance":{`, wire.MediaJSON},
			{backupRoute, "true", 200, `a tar`, "application/x-tar"},
			{checkpointRoute, "", 400, `it needs the header X-Confirm: true`, wire.MediaJSON},
			{verifyRoute, "false", 400, `"code":"invalid_request"`, wire.MediaJSON},
			{compactRoute, "", 400, `X-Confirm`, wire.MediaJSON},
			{backupRoute, "1", 400, `X-Confirm`, wire.MediaJSON},
			{"GET /v0/admin/stats", "", 200, `"performance":{`, wire.MediaJSON},
		} {
			var header []string
			if tc.confirm != "" {
				header = []string{"X-Confirm", tc.confirm}
			}
			resp, body, err := ask(t.Context(), client, addr, tc.route, header...)
			if err != nil {
				t.Fatalf("%s %s: %v", proto, tc.route, err)
			}
			if resp.StatusCode != tc.status || !strings.Contains(body, tc.want) || resp.Header.Get("Content-Type") != tc.media {
				t.Errorf("%s %s: %s %v %s", proto, tc.route, resp.Status, resp.Header, body)
			}
		}
		client.CloseIdleConnections()
	}
	shutdown()
	want := []string{
		checkpointRoute + " server ok", verifyRoute + " server ok", compactRoute + " server ok", backupRoute + " server ok",
		checkpointRoute + " server invalid_request", verifyRoute + " server invalid_request", compactRoute + " server invalid_request", backupRoute + " server invalid_request",
	}
	// The read of the second client repeats that of the first.
	if got := log.next(t, 17); !slices.Equal(got, slices.Concat(want, []string{"GET /v0/admin/stats server ok"}, want)) {
		t.Errorf("audit log:\n%s", strings.Join(got, "\n"))
	}
}

// What the storage fails with goes through the one error map; what is not in
// it is told in words.
func TestAdminErrors(t *testing.T) {
	for _, tc := range []struct {
		err           error
		status        int
		code, message string
	}{
		{kindError(record.KindReadOnly, "the log is read-only"), 503, "storage_unavailable", "the log is read-only"},
		{fmt.Errorf("wrapped: %w", kindError(record.KindNoSpace, "the disk is full")), 507, "insufficient_storage", "the disk is full"},
		{kindError(record.KindClosed, "closed"), 503, "shutting_down", "closed"},
		{kindError(record.KindDamaged, "stored records are damaged"), 500, "internal", "the %s failed: stored records are damaged"},
		{errors.New("segment 7: i/o error"), 500, "internal", "the %s failed: segment 7: i/o error"},
		{&wire.Error{Status: 409, Code: "busy", Message: "own"}, 409, "busy", "own"},
	} {
		f := &fakeStorage{
			checkpoint: func(context.Context) (any, error) { return nil, tc.err },
			verify:     func(context.Context) (any, error) { return nil, tc.err },
			erase:      func(context.Context) (any, error) { return nil, tc.err },
			backup:     func(context.Context, io.Writer) error { return tc.err },
		}
		s, log := adminServer(f, nil)
		for path, what := range map[string]string{"checkpoint": "checkpoint", "verify": "scrub", "compact": "erasure", "backup": "backup"} {
			got := wantCode(t, do(invented{s}, "POST", "/v0/admin/"+path, "", "X-Confirm", "true"), tc.status, tc.code)
			if want := strings.ReplaceAll(tc.message, "%s", what); got != want {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
			if line := log.next(t, 1)[0]; line != "POST /v0/admin/"+path+" server "+tc.code {
				t.Errorf("audit line %q", line)
			}
		}
	}
}

// Admin calls take a body without fields, and nothing else.
func TestAdminBodies(t *testing.T) {
	s, _ := adminServer(workingStorage(), nil)
	for _, path := range []string{"/v0/admin/checkpoint", "/v0/admin/verify", "/v0/admin/compact", "/v0/admin/backup"} {
		if w := do(s, "POST", path, `{"later":[1]}`, "X-Confirm", "true"); w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		wantCode(t, do(s, "POST", path, `[]`, "X-Confirm", "true"), 400, "invalid_request")
		wantCode(t, do(s, "POST", path, `{`, "X-Confirm", "true"), 400, "invalid_request")
		wantCode(t, do(s, "POST", path, `{}`, "X-Confirm", "true", "Content-Type", "text/plain"), 415, "unsupported_media_type")
	}
}

// Before there is data, and once the server stops, admin routes refuse, and
// what was tried is in the audit log. So they do while there is no storage.
func TestAdminGate(t *testing.T) {
	for name, tc := range map[string]struct {
		progress health.Progress
		open     bool
		storage  admin.Storage
		code     string
	}{
		"replaying":  {phases["replaying"], false, workingStorage(), "not_ready"},
		"failed":     {phases["failed"], false, workingStorage(), "not_ready"},
		"stopped":    {phases["stopped"], true, workingStorage(), "shutting_down"},
		"no storage": {phases["ready"], true, nil, "not_ready"},
	} {
		w := newWorld()
		w.progress = tc.progress
		var log strings.Builder
		s := New(Options{Hosts: testHosts, Gate: w, Health: w, Log: zerolog.New(&log), Storage: tc.storage})
		if tc.open {
			s.Open(newMemEngine())
		}
		for _, path := range []string{"checkpoint", "verify", "compact", "backup"} {
			r := do(s, "POST", "/v0/admin/"+path, "", "X-Confirm", "true")
			if wantCode(t, r, 503, tc.code); r.Header().Get("Retry-After") == "" {
				t.Errorf("%s, %s: no Retry-After", name, path)
			}
		}
		if n := strings.Count(log.String(), `"outcome":"`+tc.code+`"`); n != 4 {
			t.Errorf("%s: %d audit lines in %s", name, n, &log)
		}
		if tc.storage != nil {
			if w := do(s, "GET", "/v0/admin/stats", ""); w.Code != 200 { // the overview is for these moments, too
				t.Errorf("%s: stats %d %s", name, w.Code, w.Body)
			}
		}
	}
}

// A client that leaves stops waiting for a scrub, and so does one that waits when
// the server ends; one that stays gets the report.
func TestVerifyIsWaitedFor(t *testing.T) {
	for proto, client := range clients(t) {
		f := workingStorage()
		started, finish := make(chan context.Context, 9), make(chan struct{})
		f.verify = func(ctx context.Context) (any, error) {
			started <- ctx
			select {
			case <-finish:
				return map[string]any{"damages_total": 3}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		s, _ := adminServer(f, nil)
		addr, shutdown := serve(t, s)
		first, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, _, err := ask(first, client, addr, verifyRoute, "X-Confirm", "true")
			left <- err
		}()
		ctx := <-started
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the first client got %v", proto, err)
		}
		<-ctx.Done() // and its call does not wait any longer

		gone, cancel := context.WithCancel(t.Context())
		cancel()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(gone, "POST", "/v0/admin/verify", nil)
		r.Header.Set("X-Confirm", "true")
		s.ServeHTTP(w, r)
		wantCode(t, w, wire.StatusClientGone, "client_closed_request")
		<-started

		second := make(chan string, 1)
		go func() {
			_, body, err := ask(t.Context(), client, addr, verifyRoute, "X-Confirm", "true")
			second <- fmt.Sprint(body, err)
		}()
		ctx = <-started
		close(finish)
		if got := <-second; !strings.HasPrefix(got, `{"damages_total":3,`) {
			t.Errorf("%s: the second client got %s", proto, got)
		}
		client.CloseIdleConnections()
		shutdown()
		<-ctx.Done()
	}
}

// A job may take longer than any answer.
func TestJobsOutlastTheTimeouts(t *testing.T) {
	scaled(t, 100*time.Millisecond, func(t *testing.T, timeout time.Duration) error {
		f := workingStorage()
		f.checkpoint = func(ctx context.Context) (any, error) {
			select {
			case <-time.After(4 * timeout):
			case <-ctx.Done():
			}
			return map[string]any{"checkpoint": 8}, ctx.Err()
		}
		s, _ := adminServer(f, func(o *Options) { o.Limits.WriteTimeout, o.Limits.BodyTimeout = timeout, timeout })
		addr, _ := serve(t, s)
		for proto, client := range clients(t) {
			_, body, err := ask(t.Context(), client, addr, checkpointRoute, "X-Confirm", "true")
			if err != nil || !strings.HasPrefix(body, `{"checkpoint":8,`) {
				return fmt.Errorf("%s: %s, %v", proto, body, err)
			}
		}
		return nil
	})
}

func TestOverview(t *testing.T) {
	f := workingStorage()
	f.stats = metrics.StorageStats{Checkpoints: 3, LastError: "why", WorkBytes: 1, MaxWorkBytes: 2}
	now := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	s, _ := adminServer(f, func(o *Options) { o.NodeID, o.Now = "n1", func() time.Time { return now } })
	now = now.Add(5 * time.Second)
	w := get(s, "GET", "/v0/admin/stats")
	m := object(t, w)
	for _, part := range []string{"topics", "queues", "wal", "storage", "connections", "memory"} {
		if _, ok := m[part].(map[string]any); !ok {
			t.Errorf("%s is %v", part, m[part])
		}
	}
	if w.Code != 200 || m["version"] != "test" || m["node_id"] != "n1" || m["phase"] != "ready" || m["health"] != "healthy" ||
		m["uptime_ms"] != 5000.0 || m["timestamp"] != "2025-03-04T05:06:12Z" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, m)
	}
	storage, memory := m["storage"].(map[string]any), m["memory"].(map[string]any)
	if storage["checkpoints"] != 3.0 || storage["last_error"] != "why" {
		t.Errorf("storage %v", storage)
	}
	for _, name := range []string{"heap_bytes", "total_bytes", "goroutines", "inflight_max_bytes", "work_bytes", "work_max_bytes"} {
		if n, _ := memory[name].(float64); n <= 0 {
			t.Errorf("memory.%s is %v", name, memory[name])
		}
	}
	for _, tc := range []struct {
		step time.Duration
		asks int32 // of the storage, in all
	}{{time.Second - 1, 1}, {1, 2}, {0, 2}, {-time.Hour, 3}, {time.Hour, 4}} {
		now = now.Add(tc.step)
		if get(s, "GET", "/v0/admin/stats"); f.asked.Load() != tc.asks {
			t.Errorf("%v on: asked %d times, want %d", tc.step, f.asked.Load(), tc.asks)
		}
	}
}
