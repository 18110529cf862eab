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

// RunSweeper starts the goroutine that sweeps; Close ends it.
func (r *Registry) RunSweeper() {
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

// Sweep drops what expired and logs for which topics, so that a recovery with
// a clock that was set back does not bring it to life again. A log that
// refuses the entry refuses writes too, and says so to those who wait.
func (r *Registry) Sweep(ctx context.Context) {
	s := &r.sweeper
	s.mu.Lock()
	visits := make([]*topic, 0, len(s.topics))
	for t := range s.topics {
		visits = append(visits, t)
	}
	s.mu.Unlock()
	now := r.now()
	e := entry{typ: entryExpired, ts: now}
	for _, t := range visits {
		if r.sweepTopic(t, now) {
			e.ids = append(e.ids, t.id)
		}
	}
	if len(e.ids) > 0 {
		_, _ = r.logEntry(ctx, &e) // only the note is lost
	}
}

// sweepTopic reports whether records expired since the last visit.
func (r *Registry) sweepTopic(t *topic, now int64) (expired bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.expire(t, now)
	expired = t.ttlThrough > t.ttlLogged
	t.ttlLogged = t.ttlThrough
	if t.cfg != nil {
		t.keys.forget(now, t.cfg.IdempotencyWindowMS)
	}
	if t.cfg == nil || t.cfg.TTLMS == 0 && t.keys.byID == nil {
		t.swept = false
		r.sweeper.mu.Lock()
		delete(r.sweeper.topics, t)
		r.sweeper.mu.Unlock()
	}
	return expired
}
