package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/cmd/topics/config"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
	"github.com/e6e95bb8/topics/wal/vfs/hangfs"
)

// hanging is a ready server without listeners, on disks that can be made to
// hang, in a synctest bubble.
type hanging struct {
	*server
	t    *testing.T
	disk *hangfs.FS
	logs lines
}

// roomy has free space, however full the disk of the machine that runs the test is.
type roomy struct{ vfs.FS }

func (r roomy) Free(dir string) (free, total uint64, err error) {
	_, _, err = r.FS.Free(dir)
	return 1 << 40, 1 << 41, err
}

// lines is an in-memory log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func startHanging(t *testing.T, env ...string) *hanging {
	t.Helper()
	h := configureHanging(t, t.TempDir(), env...)
	if err := h.claim(); err != nil {
		t.Fatal(err)
	}
	stop := h.watch()
	if err := h.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.open()
	t.Cleanup(func() {
		if err := h.data.Load().Close(context.Background()); err != nil {
			t.Errorf("closing: %v", err)
		}
		stop()
	})
	return h
}

// configureHanging returns a server whose directories are in dir, before it claims
// them.
func configureHanging(t *testing.T, dir string, env ...string) *hanging {
	t.Helper()
	h := &hanging{server: &server{}, t: t, disk: hangfs.New(roomy{vfs.OS()})}
	var err error
	h.config, err = config.Load(append([]string{
		"TOPICS_DATA_DIR=" + filepath.Join(dir, "data"),
		"TOPICS_COLD_DIR=" + filepath.Join(dir, "cold"),
		"TOPICS_ARCHIVE_DIR=" + filepath.Join(dir, "archive"),
		"TOPICS_WAL_FILE_BYTES=1MiB",
	}, env...), config.ThisMachine())
	if err != nil {
		t.Fatal(err)
	}
	h.log = zerolog.New(&h.logs)
	h.fs = h.disk
	h.prepare()
	return h
}

// manyRecords is a write that compresses well.
var manyRecords = `{"records":[` + strings.Repeat(`{"data":"0123456789"},`, 999) + `{"data":1}]}`

// warm initializes what all segments of a process share outside of any bubble:
// the compressor and the decompressor have channels that must not belong to
// one.
func warm(t *testing.T) {
	t.Helper()
	h := startHanging(t, "TOPICS_CACHE_BYTES=0")
	h.wants("POST", "/v0/topics/t", manyRecords, 201)
	if _, err := h.data.Load().Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.wants("GET", "/v0/topics/t/diff", "", 200)
}

// ask sends a request and returns its answer.
func (h *hanging) ask(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Host = "127.0.0.1"
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	return w
}

// wants checks the status of a route.
func (h *hanging) wants(method, path, body string, status int) {
	h.t.Helper()
	if w := h.ask(method, path, body); w.Code != status {
		h.t.Errorf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
}

// checks returns the checks that are not healthy, with their reasons.
func (h *hanging) checks() map[string]string {
	h.t.Helper()
	var body struct {
		Checks map[string]struct{ Status, Reason string }
	}
	if err := json.Unmarshal(h.ask("GET", "/health", "").Body.Bytes(), &body); err != nil {
		h.t.Fatal(err)
	}
	out := map[string]string{}
	for name, c := range body.Checks {
		if c.Status != "healthy" {
			out[name] = c.Status + ": " + c.Reason
		}
	}
	return out
}

// A directory that hangs affects only its own check: writes continue, and no
// restart is requested.
func TestAHangIsOneCheck(t *testing.T) {
	warm(t)
	for _, row := range []struct {
		op    errfs.Op
		dir   string
		check string
	}{
		{errfs.Free, "data", "disk_space"},
		{errfs.List, "data", "data_dir"},
		{errfs.Free, "cold", "cold_dir"},
		{errfs.List, "cold", "cold_dir"},
		{errfs.Free, "archive", "archive_dir"},
		{errfs.List, "archive", "archive_dir"},
	} {
		t.Run(fmt.Sprintf("%v of %s", row.op, row.dir), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := startHanging(t)
				time.Sleep(2 * time.Second)
				if bad := h.checks(); len(bad) != 0 {
					t.Errorf("at first: %v", bad)
				}
				hang := h.disk.Hang(row.op, filepath.Join(filepath.Dir(h.config.DataDir), row.dir))
				defer hang.Release()
				time.Sleep(15 * time.Second)
				bad := h.checks()
				if reason := bad[row.check]; len(bad) != 1 || !strings.HasPrefix(reason, "degraded: "+row.check+" has not answered for 1") {
					t.Errorf("while it hangs: %v", bad)
				}
				if !strings.Contains(h.logs.String(), row.check+" has not answered for 4 s") {
					t.Error("no line in the log")
				}
				for _, probe := range []string{"/live", "/health", "/v0/ready", "/actuator/health/liveness"} {
					h.wants("GET", probe, "", 200)
				}
				h.wants("POST", "/v0/topics/t", `{"records":[{"data":1}]}`, 201)
				time.Sleep(time.Minute)
				h.wants("GET", "/live", "", 200)
				hang.Release()
				time.Sleep(2 * time.Second)
				if bad := h.checks(); len(bad) != 0 {
					t.Errorf("afterwards: %v", bad)
				}
			})
		})
	}
}

// A sync that hangs is visible while it hangs: degraded after a second,
// unhealthy after ten for the waiting writer. A restart would not help.
func TestAHangingSyncShows(t *testing.T) {
	warm(t)
	synctest.Test(t, func(t *testing.T) {
		h := startHanging(t)
		h.wants("PUT", "/v0/topics/t", `{"durability":"fsync"}`, 201)
		time.Sleep(2 * time.Second)
		if bad := h.checks(); len(bad) != 0 {
			t.Errorf("at first: %v", bad)
		}
		hang := h.disk.Hang(errfs.Sync, h.config.DataDir)
		defer hang.Release()
		done := make(chan int)
		go func() { done <- h.ask("POST", "/v0/topics/t", `{"records":[{"data":1}]}`).Code }()
		time.Sleep(4 * time.Second)
		if bad := h.checks(); len(bad) != 1 || !strings.HasPrefix(bad["log"], "degraded: a sync of the log has been under way for ") {
			t.Errorf("after four seconds: %v", bad)
		}
		h.wants("GET", "/health", "", 200)
		h.wants("GET", "/health?strict=1", "", 503)
		time.Sleep(11 * time.Second)
		if bad := h.checks(); len(bad) != 1 || !strings.HasPrefix(bad["log"], "unhealthy: a sync of the log has been under way for 1") {
			t.Errorf("after fifteen seconds: %v", bad)
		}
		for probe, status := range map[string]int{"/health": 503, "/health/quick": 503, "/actuator/health/readiness": 503, "/live": 200, "/v0/ready": 200} {
			h.wants("GET", probe, "", status)
		}
		if w := h.ask("GET", "/actuator/health/readiness", ""); !strings.Contains(w.Body.String(), `"reason":"log: a sync of the log`) {
			t.Errorf("readiness gives no reason: %s", w.Body)
		}
		if w := h.ask("GET", "/metrics", ""); !strings.Contains(w.Body.String(), "\ntopics_wal_sync_in_flight_seconds 1") {
			t.Error("the metric does not show it")
		}
		time.Sleep(time.Minute)
		h.wants("GET", "/live", "", 200)
		hang.Release()
		if status := <-done; status != 200 {
			t.Errorf("the write that waited: %d", status)
		}
		h.wants("POST", "/v0/topics/t", `{"records":[{"data":1}]}`, 200)
		time.Sleep(3 * time.Second)
		if bad := h.checks(); len(bad) != 0 {
			t.Errorf("afterwards: %v", bad)
		}
	})
}

// A cold directory that hangs blocks as many reads as it has slots; others wait
// without a thread, end with their client, and are refused in the end. Reads of
// the data directory are not affected.
func TestAHangingColdDirectoryHoldsUpFewReads(t *testing.T) {
	warm(t)
	synctest.Test(t, func(t *testing.T) {
		const slots, readers = 5, 205
		h := startHanging(t, "TOPICS_CACHE_BYTES=0", "TOPICS_HOT_RETAIN_SEGMENTS=1", "TOPICS_CHECKPOINT_INTERVAL_MS=0", fmt.Sprint("TOPICS_MAX_DISK_READS=", slots))
		for i, topic := range []string{"cold", "hot"} {
			h.wants("PUT", "/v0/topics/"+topic, `{}`, 201)
			h.wants("POST", "/v0/topics/"+topic, manyRecords, 200)
			if _, err := h.data.Load().Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) // the older segment is moved
			if n := h.data.Load().StorageStats().SegmentsCold; n != i {
				t.Fatalf("%d segments are cold, want %d", n, i)
			}
		}
		const cold, hot = "/v0/topics/cold/diff?limit=10", "/v0/topics/hot/diff?limit=10"
		h.wants("GET", cold, "", 200)

		hang := h.disk.Hang(errfs.Read, h.config.ColdDir)
		defer hang.Release()
		gone, leave := context.WithCancel(t.Context())
		served := map[int]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range readers {
			wg.Go(func() {
				r := httptest.NewRequest("GET", cold, nil)
				if i >= slots && i%2 == 0 { // a client that will leave
					r = r.WithContext(gone)
				} else {
					r = r.WithContext(t.Context())
				}
				r.Host = "127.0.0.1"
				w := httptest.NewRecorder()
				h.api.ServeHTTP(w, r)
				mu.Lock()
				defer mu.Unlock()
				served[w.Code]++
			})
			synctest.Wait()
		}
		if n := hang.Waiting(); n != slots {
			t.Errorf("%d reads are in the kernel", n)
		}
		h.wants("GET", hot, "", 200)
		h.wants("POST", "/v0/topics/hot", `{"records":[{"data":1}]}`, 200)
		leave()
		synctest.Wait()
		if n := h.disks.Stats(h.config.ColdDir).Waiting; n != (readers-slots)/2 {
			t.Errorf("%d still wait after half of their clients have left", n)
		}
		time.Sleep(31 * time.Second)
		if s := h.disks.Stats(h.config.ColdDir); s.Reading != slots || s.Waiting != 0 {
			t.Errorf("after half a minute: %+v", s)
		}
		mu.Lock()
		if n := served[503]; n != (readers-slots)/2 {
			t.Errorf("answers %v", served)
		}
		mu.Unlock()
		for _, probe := range []string{"/live", "/health", "/v0/ready"} {
			h.wants("GET", probe, "", 200)
		}
		hang.Release()
		wg.Wait()
		if served[200] != slots {
			t.Errorf("answers %v", served)
		}
		h.wants("GET", cold, "", 200)
	})
}
