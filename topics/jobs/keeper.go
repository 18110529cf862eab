package jobs

import (
	"container/heap"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/topic"
)

// keeper wakes the queues when time has something for them: a lease ends, a job
// is due, a claim has waited long enough. It has one heap of times and one
// goroutine for all of them, and another goroutine that moves jobs to their
// dead-letter topics.
type keeper struct {
	wake  chan struct{} // capacity 1: the first time in the heap has moved forward
	moves chan struct{} // capacity 1: there are queues with jobs to move

	mu    lockorder.Mutex[lockorder.Last] // guards what follows, and what the heap has in each topic's jobs
	times keeperHeap
	dying map[*topic.Topic]struct{}
	// workers has those that are open, by their topics.
	workers map[*topic.Topic]map[*Worker]struct{}

	quit context.CancelFunc
	gone sync.WaitGroup
}

func newKeeper() *keeper {
	return &keeper{wake: make(chan struct{}, 1), moves: make(chan struct{}, 1), dying: map[*topic.Topic]struct{}{}, workers: map[*topic.Topic]map[*Worker]struct{}{}}
}

// keeperHeap has the queue with the first time on top.
type keeperHeap []*topic.Topic

func (h keeperHeap) Len() int           { return len(h) }
func (h keeperHeap) Less(i, j int) bool { return h[i].Jobs.Turn.At < h[j].Jobs.Turn.At }
func (h keeperHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].Jobs.Turn.Place, h[j].Jobs.Turn.Place = i+1, j+1
}
func (h *keeperHeap) Push(x any) {
	t := x.(*topic.Topic)
	*h = append(*h, t)
	t.Jobs.Turn.Place = len(*h)
}
func (h *keeperHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.Jobs.Turn.Place = 0
	return t
}

// schedule sets when the queue of t is to be served again. t.Mu is held.
func (k *keeper) schedule(t *topic.Topic, now queue.Time) {
	at, any := t.Jobs.Queue.Next(now)
	j := t.Jobs
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case !any && j.Turn.Place == 0, any && j.Turn.Place > 0 && j.Turn.At == at:
		return
	case !any:
		heap.Remove(&k.times, j.Turn.Place-1)
		return
	case j.Turn.Place > 0:
		j.Turn.At = at
		heap.Fix(&k.times, j.Turn.Place-1)
	default:
		j.Turn.At = at
		heap.Push(&k.times, t)
	}
	if j.Turn.Place == 1 {
		signal(k.wake)
	}
}

// forget takes a queue out that ends. t.Mu is held.
func (k *keeper) forget(t *topic.Topic) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t.Jobs.Turn.Place > 0 {
		heap.Remove(&k.times, t.Jobs.Turn.Place-1)
	}
	delete(k.dying, t)
	delete(k.workers, t)
}

// join adds a worker that is opened. Its topic's lock is held.
func (k *keeper) join(w *Worker) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.workers[w.topic] == nil {
		k.workers[w.topic] = make(map[*Worker]struct{})
	}
	k.workers[w.topic][w] = struct{}{}
}

// leave removes a worker that is closed. Its topic's lock is held.
func (k *keeper) leave(w *Worker) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.workers[w.topic], w)
	if len(k.workers[w.topic]) == 0 {
		delete(k.workers, w.topic)
	}
}

// workersOf returns the workers of t that are open.
func (k *keeper) workersOf(t *topic.Topic) []*Worker {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(k.workers[t]))
}

// bury has the jobs of t moved that are to be dead-lettered.
func (k *keeper) bury(t *topic.Topic) {
	k.mu.Lock()
	k.dying[t] = struct{}{}
	k.mu.Unlock()
	signal(k.moves)
}

// takeDying returns the queues with jobs to move.
func (k *keeper) takeDying() (list []*topic.Topic) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for t := range k.dying {
		list = append(list, t)
	}
	clear(k.dying)
	return list
}

// first returns the queue whose time comes first.
func (k *keeper) first() (t *topic.Topic, at int64, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.times) == 0 {
		return nil, 0, false
	}
	return k.times[0], k.times[0].Jobs.Turn.At, true
}

// signal wakes the goroutine that waits on c, now or next time.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run starts the goroutines; stop ends them.
func (k *keeper) run(qs *Queues) {
	ctx, cancel := context.WithCancel(context.Background())
	k.quit = cancel
	k.gone.Go(func() { k.keep(ctx, qs) })
	k.gone.Go(func() { k.moveDying(ctx, qs) })
}

func (k *keeper) stop() {
	if k.quit != nil {
		k.quit()
		k.gone.Wait()
	}
}

func (k *keeper) keep(ctx context.Context, qs *Queues) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		after := time.Hour
		if next, ok := qs.serveDue(); ok {
			after = min(after, time.Duration(next)*time.Millisecond)
		}
		timer.Reset(after)
		select {
		case <-timer.C:
		case <-k.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (k *keeper) moveDying(ctx context.Context, qs *Queues) {
	for {
		for _, t := range k.takeDying() {
			qs.buryNow(ctx, t)
		}
		select {
		case <-k.moves:
		case <-ctx.Done():
			return
		}
	}
}

// serveDue serves the queues whose time has come, and returns in how many ms the
// next one's comes; false if there is none.
func (qs *Queues) serveDue() (ms int64, ok bool) {
	for {
		t, at, ok := qs.keeper.first()
		if !ok {
			return 0, false
		}
		left := at - qs.shared.Steady()
		if left > 0 {
			return left, true
		}
		t.Mu.Lock()
		if t.Jobs != nil {
			t.ExpireLocked(qs.shared.Steady())
			qs.ServeLocked(t)
		}
		t.Mu.Unlock()
	}
}

// Tend does once what the keeper does all the time: it serves the queues
// whose time has come, and moves jobs to their dead-letter topics.
func (qs *Queues) Tend(ctx context.Context) {
	_, _ = qs.serveDue()
	for _, t := range qs.keeper.takeDying() {
		qs.buryNow(ctx, t)
	}
	_, _ = qs.serveDue()
}
