package store

import (
	"fmt"
	"sync"
	"time"
)

// remote watches the work on a directory that may be on another machine, where
// an operation can hang for hours: since when it has failed, or has made no
// progress. One goroutine does the work; any may ask for the outage.
type remote struct {
	now   func() time.Time
	limit time.Duration // a step that takes longer counts as hung

	mu      sync.Mutex // guards what follows; never held while a disk is waited for
	stepped time.Time  // when the work under way made progress; zero if there is none
	failing time.Time  // since when it has failed; zero if it works
	err     error      // of the last attempt
}

// step records that work has begun or made progress.
func (r *remote) step() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stepped = r.now()
}

// end records how the work ended.
func (r *remote) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.err = err; {
	case err == nil:
		r.failing = time.Time{}
	case r.failing.IsZero():
		r.failing = r.stepped
	}
	r.stepped = time.Time{}
}

// pace returns next with a step before each call.
func (r *remote) pace(next func() error) func() error {
	return func() error {
		r.step()
		return next()
	}
}

// outage returns what is wrong and since when. The error is nil if nothing is.
func (r *remote) outage() (since time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, err = r.failing, r.err
	if r.stepped.IsZero() {
		return since, err
	}
	if took := r.now().Sub(r.stepped); took > r.limit {
		err = fmt.Errorf("it has not answered for %s", took.Round(time.Second))
		if since.IsZero() {
			since = r.stepped
		}
	}
	return since, err
}

// rfc3339 writes a time for people.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }
