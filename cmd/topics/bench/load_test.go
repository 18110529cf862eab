package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// serveCounting answers every request with 200, or with 500 after limit
// requests.
func serveCounting(t *testing.T, limit int64) (addr string, served *atomic.Int64) {
	t.Helper()
	served = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if served.Add(1) > limit {
			http.Error(w, "enough", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), served
}

func TestDrive(t *testing.T) {
	addr, served := serveCounting(t, 1<<60)
	conns, err := dialAll(addr, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(conns)
	var workers []*worker
	for _, c := range conns {
		workers = append(workers, &worker{conn: c, step: repeatRequest(writeRequest("t", 2), 2)})
	}
	var l *load
	for interval := 100 * time.Millisecond; l == nil || l.exchanges == 0 && interval < time.Minute; interval *= 4 { // the machine may stall
		if l, err = drive(context.Background(), workers, os.Getpid(), 10*time.Millisecond, interval); err != nil {
			t.Fatal(err)
		}
	}
	if l.exchanges == 0 || l.exchanges > served.Load() || l.moved.records != 2*l.exchanges || int64(len(l.latencies)) != l.exchanges {
		t.Errorf("%d exchanges, %d latencies, %d records of %d requests served",
			l.exchanges, len(l.latencies), l.moved.records, served.Load())
	}
	if l.elapsed < 100*time.Millisecond {
		t.Errorf("measured for %v, want at least 100ms", l.elapsed)
	}
}

func TestDriveReportsRefusals(t *testing.T) {
	addr, _ := serveCounting(t, 5)
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	workers := []*worker{{conn: c, step: repeatRequest(render("GET", "/v0/metrics", nil), 0)}}
	if _, err := drive(context.Background(), workers, os.Getpid(), 0, 50*time.Millisecond); err == nil {
		t.Error("a refused request passed")
	}
}

func TestFill(t *testing.T) {
	addr, served := serveCounting(t, 1<<60)
	if err := fill(context.Background(), addr, 4, 101, same(render("GET", "/v0/metrics", nil))); err != nil {
		t.Fatal(err)
	}
	if served.Load() != 101 {
		t.Errorf("%d requests served, want 101", served.Load())
	}
	addr, _ = serveCounting(t, 5)
	if err := fill(context.Background(), addr, 4, 101, same(render("GET", "/v0/metrics", nil))); err == nil {
		t.Error("a refused request passed")
	}
}

// The raw limits are measured on a real file system, and no files remain.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	a, err := measureAppendSync(ctx, dir, 10*time.Millisecond)
	if err != nil || a.GrowingP50US <= 0 || a.ZeroedP50US <= 0 || a.ZeroedP99US < a.ZeroedP50US {
		t.Errorf("append+sync: %+v, %v", a, err)
	}
	for _, wait := range []func(*wal.Log, wal.LSN) error{(*wal.Log).WaitWritten, (*wal.Log).WaitSynced} {
		rate, err := 0.0, error(nil)
		for interval := 200 * time.Millisecond; rate <= 0 && err == nil && interval < time.Minute; interval *= 4 { // the disk may be slow
			rate, err = groupLoop(ctx, filepath.Join(dir, "group"), 4, 10, time.Millisecond, interval, wait)
		}
		if err != nil || rate <= 0 {
			t.Errorf("group commit: %v, %v", rate, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestMeasureScan(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"a": 10, "wal/b": 3 << 20} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	size, took, err := measureScan(dir)
	if err != nil || size != 10+3<<20 || took <= 0 {
		t.Errorf("got %d bytes in %v, %v", size, took, err)
	}
}
