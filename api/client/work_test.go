package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ends collects how jobs ended.
type ends struct {
	mu  sync.Mutex
	all []Ended
}

func (e *ends) add(end Ended) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, end)
}

func (e *ends) lost() (seqs []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, end := range e.all {
		if end.Lost != "" {
			seqs = append(seqs, fmt.Sprint(end.Job.Seq, " ", end.Lost))
		}
	}
	return seqs
}

// working runs Work until the function that it returns is called, which returns
// the error of Work.
func working(t *testing.T, c *Client, h Handler, o WorkOptions) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Work(ctx, "q", h, o) }()
	return func() error {
		cancel()
		return <-done
	}
}

// Handlers run side by side, as many as allowed; a job that takes ten leases is
// delivered once; errors say how jobs go back.
func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newWorked(t)
		f.put(20)
		var mu sync.Mutex
		running, most := 0, 0
		tries := map[uint64]int{}
		stop := working(t, f.client(0), func(ctx context.Context, job *Job) error {
			mu.Lock()
			running++
			most = max(most, running)
			tries[job.Seq]++
			try := tries[job.Seq]
			mu.Unlock()
			defer func() {
				mu.Lock()
				running--
				mu.Unlock()
			}()
			if string(job.Data) != fmt.Sprint(job.Seq) || job.Deliveries != try && job.Seq != 3 {
				t.Errorf("job %s, delivery %d of %d", job.Data, job.Deliveries, try)
			}
			time.Sleep(30 * time.Second) // leases are 3 s
			switch {
			case try > 1:
				return nil
			case job.Seq == 1:
				return errors.New("once more")
			case job.Seq == 2:
				return Retry(time.Minute, errors.New("later"))
			case job.Seq == 3:
				return fmt.Errorf("wrapped: %w", Unstarted(nil))
			case job.Seq == 4:
				return Reject(errors.New("never"))
			}
			return ctx.Err()
		}, WorkOptions{Parallel: 4, Ahead: 2})
		time.Sleep(time.Hour)
		synctest.Wait()
		if left := f.left(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
		if most != 4 {
			t.Errorf("%d handlers at once", most)
		}
		for seq := range uint64(20) {
			want := 1
			if seq < 4 {
				want = 2
			}
			if tries[seq+1] != want {
				t.Errorf("job %d was begun %d times", seq+1, tries[seq+1])
			}
		}
		if f.heard("nack unstarted 3") != 1 || f.heard("nack 2") != 1 {
			t.Errorf("calls: %v", f.calls)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Queue case 11: a worker that is stopped finishes what it began and gives back
// what it did not, uncounted; what does not finish in time goes back uncounted,
// too. Rolling restarts use up no deliveries.
func TestWorkStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newWorked(t)
		f.put(8)
		for range 10 {
			stop := working(t, f.client(0), func(ctx context.Context, job *Job) error {
				<-ctx.Done()
				return context.Cause(ctx)
			}, WorkOptions{Parallel: 2, Ahead: 6, Stop: 20 * time.Second})
			synctest.Wait()
			began := time.Now()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 20*time.Second {
				t.Errorf("stopped after %v", took)
			}
			synctest.Wait()
		}
		for seq, deliveries := range f.left() {
			if deliveries != 0 {
				t.Errorf("job %d has %d deliveries", seq, deliveries)
			}
		}
		if f.heard("nack unstarted 3 4 5 6 7 8") != 10 {
			t.Errorf("calls: %v", f.calls)
		}
		// What runs may finish, and nothing takes its place.
		stop := working(t, f.client(0), func(ctx context.Context, job *Job) error {
			time.Sleep(5 * time.Second)
			return ctx.Err()
		}, WorkOptions{Parallel: 2})
		synctest.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := slices.Sorted(maps.Keys(f.left())); fmt.Sprint(got) != "[3 4 5 6 7 8]" {
			t.Errorf("left: %v", got)
		}
		for seq, deliveries := range f.left() {
			if deliveries != 0 {
				t.Errorf("job %d has %d deliveries", seq, deliveries)
			}
		}
	})
}

// A server that restarts: handlers whose leases it still has go on, the others
// are told, and the stream is opened again.
func TestWorkAcrossRestarts(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint(durable), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newWorked(t)
				f.durable = durable
				f.put(3)
				var e ends
				stop := working(t, f.client(time.Minute), func(ctx context.Context, job *Job) error {
					select {
					case <-ctx.Done():
						return context.Cause(ctx)
					case <-time.After(4300 * time.Millisecond):
						return nil
					}
				}, WorkOptions{Parallel: 3, Ended: e.add})
				time.Sleep(2100 * time.Millisecond)
				f.set(true)
				f.restart()
				time.Sleep(time.Second)
				f.set(false)
				time.Sleep(20 * time.Second)
				synctest.Wait()
				if left := f.left(); len(left) != 0 {
					t.Errorf("left: %v", left)
				}
				wantLost := 3
				if durable {
					wantLost = 0
				}
				if got := e.lost(); len(got) != wantLost {
					t.Errorf("lost: %v", got)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Without retries, and for what retries cannot resolve, the first failure is the
// error of Work.
func TestWorkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newWorked(t)
		f.refuse = CodeNotQueue
		handler := func(context.Context, *Job) error { return nil }
		if err := f.client(time.Hour).Work(t.Context(), "q", handler, WorkOptions{Lease: time.Second}); !IsCode(err, CodeNotQueue) {
			t.Errorf("a log: %v", err)
		}
		if err := f.client(time.Hour).Work(t.Context(), "q", handler, WorkOptions{}); !IsCode(err, CodeNotQueue) {
			t.Errorf("a log, the queue's lease: %v", err)
		}
		if err := f.client(0).Work(t.Context(), "q", handler, WorkOptions{Parallel: -1}); err == nil {
			t.Error("-1 handlers")
		}
		f.refuse, f.down = "", true
		if err := f.client(0).Work(t.Context(), "q", handler, WorkOptions{Lease: time.Second}); err == nil {
			t.Error("no server and no retries")
		}
		if err := f.client(time.Minute).Work(t.Context(), "q", handler, WorkOptions{Lease: time.Second}); err == nil || !strings.Contains(err.Error(), "gave up after 1m0s") {
			t.Errorf("no server: %v", err)
		}
	})
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aé", 2, "a"}, {"é", 1, ""}} {
		if got := cut(tt.text, tt.n); got != tt.want {
			t.Errorf("%q to %d: %q", tt.text, tt.n, got)
		}
	}
}
