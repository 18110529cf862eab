package e2e

import (
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sharing measures, until the test ends, which share of a processor the machine
// gives to a thread that wants one. The function that it returns gives the mean so
// far; before the first measurement it is 1.
func sharing(t *testing.T) func() float64 {
	t.Helper()
	const (
		every = 200 * time.Millisecond
		work  = 20 * time.Millisecond // of a processor; longer than a turn of the scheduler
	)
	var mu sync.Mutex
	var used, passed time.Duration
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with the goroutine
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			began, before := time.Now(), threadTime()
			for threadTime()-before < work {
			}
			mu.Lock()
			used += threadTime() - before
			passed += time.Since(began)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
	})
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		if passed == 0 {
			return 1
		}
		return min(1, float64(used)/float64(passed))
	}
}

// threadTime returns the processor time of the calling thread.
func threadTime() time.Duration {
	const ofThread = 1 // RUSAGE_THREAD
	var usage syscall.Rusage
	if err := syscall.Getrusage(ofThread, &usage); err != nil {
		panic(err) // the argument is valid
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
