package store

import (
	"context"
	"sync"
)

// scrubs runs one scrub at a time. The zero value is ready.
type scrubs struct {
	mu      sync.Mutex // guards what follows
	running *scrubbing
	ended   bool
	last    *Scrub // nil if none was finished
}

// scrubbing is a scrub under way. result and err are set before done is closed.
type scrubbing struct {
	cancel context.CancelFunc
	done   chan struct{}
	result Scrub
	err    error
}

// join returns the scrub under way, or begins one.
func (s *scrubs) join(scrub func(context.Context) (Scrub, error)) (*scrubbing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errStopped
	}
	if s.running != nil {
		return s.running, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &scrubbing{cancel: cancel, done: make(chan struct{})}
	s.running = run
	go func() {
		defer cancel()
		run.result, run.err = scrub(ctx)
		s.mu.Lock()
		s.running = nil
		if run.err == nil {
			s.last = &run.result
		}
		s.mu.Unlock()
		close(run.done)
	}()
	return run, nil
}

// stop ends the scrub under way and lets no other begin. It waits for the end
// while ctx lasts: the scrub may be reading from a directory that hangs.
func (s *scrubs) stop(ctx context.Context) {
	s.mu.Lock()
	s.ended = true
	run := s.running
	s.mu.Unlock()
	if run == nil {
		return
	}
	run.cancel()
	select {
	case <-run.done:
	case <-ctx.Done():
	}
}
