package topics

import (
	"context"
	"math"
	"time"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/topic"
)

// sweepInterval is how often expired records and forgotten keys are dropped
// from topics that are not used. Those in use do it themselves.
const sweepInterval = time.Second

// sweeper visits the topics that have something to lose with time.
type sweeper struct {
	mu lockorder.Mutex[lockorder.Last] // guards topics
	// The time (Unix ms) after which each topic has something to drop, so that
	// records that stay for a day are not looked at every second.
	topics map[*topic.Topic]int64
	quit   context.CancelFunc
	gone   chan struct{}
}

// visit makes the sweeper come by t at its next round.
func (s *sweeper) visit(t *topic.Topic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics == nil {
		s.topics = make(map[*topic.Topic]int64)
	}
	s.topics[t] = math.MinInt64
}

// visited sets the time after which t is worth another visit, if it ever is. t.Mu
// is held.
func (s *sweeper) visited(t *topic.Topic, next int64, any bool) {
	t.Swept = false
	s.mu.Lock()
	defer s.mu.Unlock()
	if any {
		s.topics[t] = next
	} else {
		delete(s.topics, t)
	}
}

// due returns the topics that are to be visited at that time.
func (s *sweeper) due(now int64) (visits []*topic.Topic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, from := range s.topics {
		if from < now {
			visits = append(visits, t)
		}
	}
	return visits
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
	r.forwarders.Run()
	r.routeAll()
	r.queues.Run()
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
// back or without the ephemeral records, brings nothing to life again. If the
// log refuses the entry, it refuses writes too, so the error is ignored here, and the next
// sweep tries again. On a full disk the entry must not use up, second by second, the room that
// deletes need.
func (r *Registry) Sweep(ctx context.Context) {
	r.forwarders.RetryBlocked()
	r.logCursors()
	now := r.shared.Steady()
	r.shared.Rates.Sweep(now)
	var e entry.Watermarks
	var moved []*topic.Topic
	for _, t := range r.sweeper.due(now) {
		if w, moves := r.sweepTopic(t, now); moves {
			e.Topics, moved = append(e.Topics, w), append(moved, t)
		}
	}
	if len(moved) == 0 {
		return
	}
	_, err := r.shared.LogEntry(ctx, &e, nil, 0)
	for i, t := range moved {
		t.Mu.Lock()
		if err == nil {
			t.Marks.Logged(e.Topics[i])
		} else if !t.Dropped {
			t.Visit()
		}
		t.Mu.Unlock()
	}
}

// Expire drops what has expired by now from topics that are not used, as their
// next use would.
func (r *Registry) Expire() {
	now := r.shared.Steady()
	for _, t := range r.sweeper.due(now) {
		t.Mu.Lock()
		t.ExpireLocked(now)
		t.Mu.Unlock()
	}
}

// sweepTopic returns t's watermark, and whether it is to be logged.
func (r *Registry) sweepTopic(t *topic.Topic, now int64) (w entry.Watermark, moved bool) {
	t.Mu.Lock()
	defer t.Mu.Unlock()
	t.ExpireLocked(now)
	w, moved = t.Marks.Unlogged(t.ID)
	t.ExpireKeysLocked(now)
	next, any := t.NextLossLocked()
	if t.RestLocked() {
		next, any = math.MinInt64, true
	}
	r.sweeper.visited(t, next, any)
	return w, moved && !t.Dropped
}
