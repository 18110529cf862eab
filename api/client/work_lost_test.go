package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Queue case 6: a worker that is cut off for longer than its lease learns that
// before it is reached again: its handler's context ends, no ack is sent.
func TestWorkLosesALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newWorked(t)
		f.put(1)
		var e ends
		cause := make(chan error, 1)
		began := time.Now()
		stop := working(t, f.client(time.Hour), func(ctx context.Context, job *Job) error {
			f.set(true) // nothing gets through any more
			<-ctx.Done()
			cause <- context.Cause(ctx)
			time.Sleep(10 * time.Second)
			return nil // it did its work all the same
		}, WorkOptions{Lease: 1500 * time.Millisecond, Ended: e.add})
		var lost *LeaseLost
		if err := <-cause; !errors.As(err, &lost) || lost.Seq != 1 || lost.Reason != SkippedExpired {
			t.Errorf("the handler ended with %v", err)
		}
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Errorf("after %v", took)
		}
		f.set(false)
		time.Sleep(5 * time.Second)
		if n := len(f.left()); n != 1 {
			t.Errorf("%d jobs are left", n)
		}
		// It comes again, to the same worker, which has let go of it only now.
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if f.heard("ack 1") != 0 {
			t.Error("the lost job was acked")
		}
		f.set(false)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := e.lost(); len(got) == 0 || got[0] != "1 expired" {
			t.Errorf("lost: %v", got)
		}
	})
}

// A lease that the server has given to another is found by the next extension,
// and by the stream's event.
func TestWorkLearnsOfALoss(t *testing.T) {
	for _, by := range []string{"event", "extension"} {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newWorked(t)
				f.put(1)
				cause := make(chan error, 1)
				stop := working(t, f.client(0), func(ctx context.Context, job *Job) error {
					<-ctx.Done()
					cause <- context.Cause(ctx)
					return ctx.Err()
				}, WorkOptions{Lease: 3 * time.Second})
				synctest.Wait()
				began := time.Now()
				f.mu.Lock()
				j := f.jobs[1]
				lease := j.lease
				if by == "extension" {
					f.releaseLocked(j)
					j.lease = "another"
				}
				f.mu.Unlock()
				if by == "event" {
					f.release(j, lease)
				}
				var lost *LeaseLost
				if err := <-cause; !errors.As(err, &lost) {
					t.Errorf("the handler ended with %v", err)
				}
				if took := time.Since(began); by == "event" && took != 0 || took > time.Second {
					t.Errorf("after %v", took)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
				if f.heard("ack 1") != 0 || f.heard("nack 1") != 0 {
					t.Errorf("calls: %v", f.calls)
				}
			})
		})
	}
}
