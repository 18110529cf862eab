package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"
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
	conns, err := DialAll(addr, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer CloseAll(conns)
	var workers []*Worker
	for _, c := range conns {
		workers = append(workers, &Worker{Conn: c, Step: RepeatRequest(WriteRequest("t", 2), 2)})
	}
	var l *Result
	for interval := 100 * time.Millisecond; l == nil || l.Exchanges == 0 && interval < time.Minute; interval *= 4 { // the machine may stall
		if l, err = Drive(context.Background(), workers, os.Getpid(), 10*time.Millisecond, interval); err != nil {
			t.Fatal(err)
		}
	}
	if l.Exchanges == 0 || l.Exchanges > served.Load() || l.Moved.Records != 2*l.Exchanges || int64(len(l.Latencies)) != l.Exchanges {
		t.Errorf("%d exchanges, %d latencies, %d records of %d requests served",
			l.Exchanges, len(l.Latencies), l.Moved.Records, served.Load())
	}
	if l.Elapsed < 100*time.Millisecond {
		t.Errorf("measured for %v, want at least 100ms", l.Elapsed)
	}
}

func TestDriveReportsRefusals(t *testing.T) {
	addr, _ := serveCounting(t, 5)
	c, err := Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	workers := []*Worker{{Conn: c, Step: RepeatRequest(Render("GET", "/v0/metrics", nil), 0)}}
	if _, err := Drive(context.Background(), workers, os.Getpid(), 0, 50*time.Millisecond); err == nil {
		t.Error("a refused request passed")
	}
}

func TestFill(t *testing.T) {
	addr, served := serveCounting(t, 1<<60)
	if err := Fill(context.Background(), addr, 4, 101, Same(Render("GET", "/v0/metrics", nil))); err != nil {
		t.Fatal(err)
	}
	if served.Load() != 101 {
		t.Errorf("%d requests served, want 101", served.Load())
	}
	addr, _ = serveCounting(t, 5)
	if err := Fill(context.Background(), addr, 4, 101, Same(Render("GET", "/v0/metrics", nil))); err == nil {
		t.Error("a refused request passed")
	}
}
