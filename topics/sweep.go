package topics

import (
	"context"
	"sync"
	"time"
)

// sweepInterval is how often expired records and forgotten keys are dropped
// from topics that nobody uses. Those in use do it themselves.
const sweepInterval = time.Second

// sweeper visits the topics that have something to lose with time.
type sweeper struct {
	mu     sync.Mutex
	topics map[*topic]struct{}
	quit   context.CancelFunc
	gone   chan struct{}
}

// visit makes the sweeper come by t, whose lock is held.
func (s *sweeper) visit(t *topic) {
	if t.swept {
		return
	}
	t.swept = true
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics == nil {
		s.topics = make(map[*topic]struct{})
	}
	s.topics[t] = struct{}{}
}

func (s *sweeper) stop() {
	if s.quit != nil {
		s.quit()
		<-s.gone
	}
}

// RunSweeper starts the goroutine that sweeps, and RunDelivery; Close ends them.
func (r *Registry) RunSweeper() {
	r.RunDelivery()
	r.forwarders.run(r)
	ctx, cancel := context.WithCancel(context.Background())
	r.sweeper.quit, r.sweeper.gone = cancel, make(chan struct{})
	go func() {
		defer close(r.sweeper.gone)
		tick := time.NewTicker(sweepInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.Sweep(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
}

// Sweep drops what expired and logs how far, and how far caps evicted what
// replay by itself would not: so that a recovery, with a clock that was set
// back or without the ephemeral records, brings nothing to life again. A log that
// refuses the entry refuses writes too, and says so to those who wait; on a
// full disk the note must not use up, second by second, what deletes need.
func (r *Registry) Sweep(ctx context.Context) {
	r.retryBlocked()
	r.noteCursors()
	s := &r.sweeper
	s.mu.Lock()
	visits := make([]*topic, 0, len(s.topics))
	for t := range s.topics {
		visits = append(visits, t)
	}
	s.mu.Unlock()
	now := r.now()
	e := entry{typ: entryFloors}
	for _, t := range visits {
		if f, moved := r.sweepTopic(t, now); moved {
			e.floors = append(e.floors, f)
		}
	}
	if len(e.floors) > 0 {
		_, _ = r.logEntry(ctx, &e, false) // only the note is lost
	}
}

// sweepTopic reports t's floors and whether they are to be logged.
func (r *Registry) sweepTopic(t *topic, now int64) (f floors, moved bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.expire(t, now)
	f, moved = floors{id: t.id, byTTL: t.ttlThrough}, t.ttlThrough > t.ttlNoted || t.noteCap
	if t.noteCap {
		f.byCap = t.capThrough
	}
	t.ttlNoted, t.noteCap = t.ttlThrough, false
	if t.cfg != nil {
		t.keys.forget(now, t.cfg.IdempotencyWindowMS)
	}
	if t.cfg == nil || t.cfg.TTLMS == 0 && t.keys.byID == nil {
		t.swept = false
		r.sweeper.mu.Lock()
		delete(r.sweeper.topics, t)
		r.sweeper.mu.Unlock()
	}
	return f, moved && !t.dropped
}
