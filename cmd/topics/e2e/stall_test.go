package e2e

import (
	"sync/atomic"
	"testing"
	"time"
)

// losing measures, until the test ends, how much time the machine takes from this
// process: what short sleeps last longer than they should. The function that it
// returns gives the sum so far.
func losing(t *testing.T) func() time.Duration {
	t.Helper()
	const nap = 5 * time.Millisecond
	var lost atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		timer := time.NewTimer(nap)
		defer timer.Stop()
		for began := time.Now(); ; {
			select {
			case <-timer.C:
			case <-stop:
				return
			}
			now := time.Now()
			lost.Add(int64(now.Sub(began) - nap))
			began = now
			timer.Reset(nap)
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
	})
	return func() time.Duration { return time.Duration(lost.Load()) }
}
