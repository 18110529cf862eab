package bench

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// worker is one connection of a load and its measurements.
type worker struct {
	conn *conn
	// step does one exchange.
	step      func(*conn) (moved, error)
	latencies []time.Duration
	moved     moved
	err       error
}

// moved is the amount of data in an exchange.
type moved struct{ records, bytes int64 }

func (m *moved) add(o moved) { m.records, m.bytes = m.records+o.records, m.bytes+o.bytes }

// load is the result of a measured interval.
type load struct {
	elapsed   time.Duration
	exchanges int64
	moved     moved
	latencies []time.Duration // of all workers, unordered
	cpu       cpuShares
}

func (l *load) perSecond(n int64) float64 { return float64(n) / l.elapsed.Seconds() }

// Phases of a load. Only exchanges that begin and end while measuring count.
const (
	warming int32 = iota
	measuring
	over
)

// drive runs the workers for a warm-up and a measured interval. pid is the
// server's.
func drive(ctx context.Context, workers []*worker, pid int, warmup, interval time.Duration) (*load, error) {
	var (
		phase   atomic.Int32
		running sync.WaitGroup
	)
	for _, w := range workers {
		running.Go(func() { w.run(&phase) })
	}
	pause(ctx, warmup)
	before := readUsage(pid)
	began := time.Now()
	phase.Store(measuring)
	pause(ctx, interval)
	phase.Store(over)
	l := &load{elapsed: time.Since(began)}
	l.cpu = readUsage(pid).since(before, l.elapsed)
	running.Wait()
	var errs []error
	for _, w := range workers {
		errs = append(errs, w.err)
		l.exchanges += int64(len(w.latencies))
		l.moved.add(w.moved)
		l.latencies = append(l.latencies, w.latencies...)
	}
	errs = append(errs, ctx.Err())
	return l, errors.Join(errs...)
}

// run repeats exchanges until the load is over.
func (w *worker) run(phase *atomic.Int32) {
	w.latencies = make([]time.Duration, 0, 1<<14)
	for {
		p := phase.Load()
		if p == over {
			return
		}
		began := time.Now()
		m, err := w.step(w.conn)
		if err != nil {
			w.err = err
			return
		}
		if p == measuring && phase.Load() == measuring {
			w.latencies = append(w.latencies, time.Since(began))
			w.moved.add(m)
		}
	}
}

// outcome is for after run.
func (w *worker) outcome() ([]time.Duration, error) { return w.latencies, w.err }

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// repeatRequest returns a step that always sends the same request.
func repeatRequest(request []byte, records int) func(*conn) (moved, error) {
	m := moved{records: int64(records), bytes: int64(len(request))}
	return func(c *conn) (moved, error) {
		_, err := c.expect(request, 200, 201)
		return m, err
	}
}

// same returns a function for fill that always returns the same request.
func same(request []byte) func([]byte, int) []byte {
	return func([]byte, int) []byte { return request }
}

// fill sends n requests over conns connections. request renders request i, and
// may use the memory of b.
func fill(ctx context.Context, addr string, conns, n int, request func(b []byte, i int) []byte) error {
	all, err := dialAll(addr, conns)
	if err != nil {
		return err
	}
	defer closeAll(all)
	var (
		taken   atomic.Int64
		running sync.WaitGroup
	)
	errs := make([]error, len(all))
	for i, c := range all {
		running.Go(func() {
			var b []byte
			for errs[i] == nil && ctx.Err() == nil {
				k := int(taken.Add(1)) - 1
				if k >= n {
					return
				}
				b = request(b[:0], k)
				_, errs[i] = c.expect(b, 200, 201)
			}
		})
	}
	running.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}
