package recovery

import (
	"fmt"
	"sync"
	"time"
)

// far watches the work on a directory that may be on another machine, where an
// operation can hang for hours: since when it has failed, or not got on. One
// goroutine does the work; the state may be asked for at any time.
type far struct {
	now      func() time.Time
	patience time.Duration // how long a step may take before it counts as hung

	mu      sync.Mutex // guards what follows; never held while the disk is asked
	moved   time.Time  // when the work under way last got on; zero: there is none
	failing time.Time  // since when it has failed; zero: it works
	err     error      // of the last attempt
}

// step notes that work has begun, or gets on.
func (f *far) step() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moved = f.now()
}

// end notes how the work ended.
func (f *far) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.err = err; {
	case err == nil:
		f.failing = time.Time{}
	case f.failing.IsZero():
		f.failing = f.moved
	}
	f.moved = time.Time{}
}

// pace notes that the work gets on each time that next is called.
func (f *far) pace(next func() error) func() error {
	return func() error {
		f.step()
		return next()
	}
}

// outage returns what is wrong, and since when; no error if nothing is.
func (f *far) outage() (since time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	since, err = f.failing, f.err
	if f.moved.IsZero() {
		return since, err
	}
	if took := f.now().Sub(f.moved); took > f.patience {
		err = fmt.Errorf("it has not answered for %s", took.Round(time.Second))
		if since.IsZero() {
			since = f.moved
		}
	}
	return since, err
}

// at writes a time for people.
func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }
