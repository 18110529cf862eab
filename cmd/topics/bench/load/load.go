// Package load puts load on a server, or another one that it is compared with:
// connections that send what was rendered before, workers that measure their
// exchanges, pipes that keep several requests in flight, pulses at a steady rate; and
// it counts what the two sides take of the processors.
package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Worker is one connection of a load and its measurements.
type Worker struct {
	Conn *Conn
	// Step does one exchange.
	Step      func(*Conn) (Moved, error)
	latencies []time.Duration
	moved     Moved
	err       error
}

// Moved is the amount of data in an exchange.
type Moved struct{ Records, Bytes int64 }

// Add adds what another exchange moved.
func (m *Moved) Add(o Moved) { m.Records, m.Bytes = m.Records+o.Records, m.Bytes+o.Bytes }

// Result is the result of a measured interval.
type Result struct {
	Elapsed   time.Duration
	Exchanges int64
	Moved     Moved
	Latencies []time.Duration // of all workers, unordered
	CPU       CPUShares
}

// PerSecond returns a number as a rate over the measured interval.
func (l *Result) PerSecond(n int64) float64 { return float64(n) / l.Elapsed.Seconds() }

// Phases of a load. Only exchanges that begin and end while measuring count.
const (
	Warming int32 = iota
	Measuring
	Over
)

// Drive runs the workers for a warm-up and a measured interval. pid is the
// server's.
func Drive(ctx context.Context, workers []*Worker, pid int, warmup, interval time.Duration) (*Result, error) {
	var (
		phase   atomic.Int32
		running sync.WaitGroup
	)
	for _, w := range workers {
		running.Go(func() { w.Run(&phase) })
	}
	Pause(ctx, warmup)
	before := ReadUsage(pid)
	began := time.Now()
	phase.Store(Measuring)
	Pause(ctx, interval)
	phase.Store(Over)
	l := &Result{Elapsed: time.Since(began)}
	l.CPU = ReadUsage(pid).Since(before, l.Elapsed)
	running.Wait()
	var errs []error
	for _, w := range workers {
		errs = append(errs, w.err)
		l.Exchanges += int64(len(w.latencies))
		l.Moved.Add(w.moved)
		l.Latencies = append(l.Latencies, w.latencies...)
	}
	errs = append(errs, ctx.Err())
	return l, errors.Join(errs...)
}

// Run repeats exchanges until the load is over.
func (w *Worker) Run(phase *atomic.Int32) {
	w.latencies = make([]time.Duration, 0, 1<<14)
	for {
		p := phase.Load()
		if p == Over {
			return
		}
		began := time.Now()
		m, err := w.Step(w.Conn)
		if err != nil {
			w.err = err
			return
		}
		if p == Measuring && phase.Load() == Measuring {
			w.latencies = append(w.latencies, time.Since(began))
			w.moved.Add(m)
		}
	}
}

// Outcome is for after Run.
func (w *Worker) Outcome() ([]time.Duration, error) { return w.latencies, w.err }

// Pause waits for d or until ctx is done.
func Pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// RepeatRequest returns a step that always sends the same request.
func RepeatRequest(request []byte, records int) func(*Conn) (Moved, error) {
	m := Moved{Records: int64(records), Bytes: int64(len(request))}
	return func(c *Conn) (Moved, error) {
		_, err := c.Expect(request, 200, 201)
		return m, err
	}
}

// Same returns a function for fill that always returns the same request.
func Same(request []byte) func([]byte, int) []byte {
	return func([]byte, int) []byte { return request }
}

// Fill sends n requests over conns connections. request renders request i, and
// may use the memory of b.
func Fill(ctx context.Context, addr string, conns, n int, request func(b []byte, i int) []byte) error {
	all, err := DialAll(addr, conns)
	if err != nil {
		return err
	}
	defer CloseAll(all)
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
				_, errs[i] = c.Expect(b, 200, 201)
			}
		})
	}
	running.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// Micros is a duration in microseconds.
func Micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
