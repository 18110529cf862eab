package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

// shape is a number of connections and of records per write.
type shape struct{ writers, batch int }

// WriteResult is one cell of the matrix of writes: medians over the rounds.
type WriteResult struct {
	Class   string `json:"class"`
	Writers int    `json:"writers"`
	Batch   int    `json:"batch"`
	writeMeasures
	// Limit is the name of the limit to which Ratio relates.
	Limit string `json:"limit"`
}

// writeMeasures is what is measured for a cell in each round.
type writeMeasures struct {
	Writes  float64 `json:"writes_per_s"`
	Records float64 `json:"records_per_s"`
	P50US   float64 `json:"p50_us"`
	P99US   float64 `json:"p99_us"`
	// Group is the mean number of frames that shared a sync. For classes that do
	// not wait for syncs, it is that of the background sync.
	Group float64        `json:"group_size"`
	CPU   load.CPUShares `json:"cpu"`
	Ratio float64        `json:"ratio"`
}

// round is one pass over the matrix. It includes the limits, so that a ratio
// compares measurements that were made close together.
type round struct {
	appendSync AppendSync
	groups     map[shape]GroupCommit
	http       map[shape]float64 // exchanges per second with a handler that does nothing
	cells      map[cellKey]writeMeasures
}

type cellKey struct {
	class string
	shape
}

// measureWrites runs one round of the matrix. first rotates the order of the
// classes, so that none always runs after the same other one.
func (b *bench) measureWrites(ctx context.Context, first int) (r *round, err error) {
	r = &round{groups: map[shape]GroupCommit{}, http: map[shape]float64{}, cells: map[cellKey]writeMeasures{}}
	dir, done, err := scratch(b.dir, "writes")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if r.appendSync, err = measureAppendSync(ctx, dir, b.cmd.Interval/2); err != nil {
		return nil, err
	}
	for _, s := range b.cmd.shapes() {
		if r.groups[s], err = measureGroupCommit(ctx, dir, s.writers, s.batch, b.cmd.Warmup, b.cmd.Interval/2); err != nil {
			return nil, err
		}
		if err := b.measureShape(ctx, r, s, first); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// measureShape measures every class with one shape, on a new server whose data
// is removed afterwards.
func (b *bench) measureShape(ctx context.Context, r *round, s shape, first int) (err error) {
	dir, done, err := scratch(b.dir, "server")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	server, err := boot(ctx, dir, b.env())
	if err != nil {
		return err
	}
	defer server.kill()
	alone, err := b.measureLoad(ctx, server, s.writers, load.RepeatRequest(load.Render("GET", "/v0/health", nil), 0))
	if err != nil {
		return err
	}
	r.http[s] = alone.PerSecond(alone.Exchanges)
	for i := range b.cmd.Class {
		class := b.cmd.Class[(i+first)%len(b.cmd.Class)]
		m, err := b.measureCell(ctx, server, class, s)
		if err != nil {
			return fmt.Errorf("%s, %d writers, batches of %d: %w", class, s.writers, s.batch, err)
		}
		m.Ratio = m.Records / r.limit(class, s)
		r.cells[cellKey{class, s}] = m
		b.logf("writes: %-9s %2d x %-3d  %9.0f records/s  p50 %7.0f us  p99 %7.0f us",
			class, s.writers, s.batch, m.Records, m.P50US, m.P99US)
	}
	return nil
}

// measureCell measures one class with one shape. All connections write to one
// topic, which is the hardest case, because of the order within a topic.
func (b *bench) measureCell(ctx context.Context, s *server, class string, sh shape) (writeMeasures, error) {
	topic := "bench-" + class
	if err := s.configure(ctx, topic, class); err != nil {
		return writeMeasures{}, err
	}
	before, err := s.metrics(ctx)
	if err != nil {
		return writeMeasures{}, err
	}
	l, err := b.measureLoad(ctx, s, sh.writers, load.RepeatRequest(load.WriteRequest(topic, sh.batch), sh.batch))
	if err != nil {
		return writeMeasures{}, err
	}
	after, err := s.metrics(ctx)
	if err != nil {
		return writeMeasures{}, err
	}
	// Ephemeral records would remain in memory during the next cell.
	_, err = s.api.DeleteTopic(ctx, topic, false)
	return writeMeasures{
		Writes:  l.PerSecond(l.Exchanges),
		Records: l.PerSecond(l.Moved.Records),
		P50US:   load.Micros(quantile.Median(l.Latencies)),
		P99US:   load.Micros(quantile.Of(l.Latencies, 0.99)),
		Group:   groupSize(before.WAL, after.WAL),
		CPU:     l.CPU,
	}, err
}

// measureLoad drives conns connections with the same step.
func (b *bench) measureLoad(ctx context.Context, s *server, conns int, step func(*load.Conn) (load.Moved, error)) (*load.Result, error) {
	all, err := load.DialAll(s.addr, conns)
	if err != nil {
		return nil, err
	}
	defer load.CloseAll(all)
	workers := make([]*load.Worker, conns)
	for i := range workers {
		workers[i] = &load.Worker{Conn: all[i], Step: step}
	}
	return load.Drive(ctx, workers, s.process.Pid(), b.cmd.Warmup, b.cmd.Interval)
}

// limitName returns the name of what bounds a class with a shape if the server
// costs nothing.
func limitName(class string, s shape) string {
	switch {
	case class == "ephemeral":
		return "HTTP alone"
	case class == "fsync" && s.writers == 1:
		return "append+sync"
	case class == "fsync":
		return "group commit"
	}
	return "group write"
}

// limit returns that bound in records per second.
func (r *round) limit(class string, s shape) float64 {
	switch limitName(class, s) {
	case "HTTP alone":
		return r.http[s] * float64(s.batch)
	case "append+sync":
		return 1e6 / r.appendSync.ZeroedP50US * float64(s.batch)
	case "group commit":
		return r.groups[s].Synced
	}
	return r.groups[s].Written
}

// medianOf returns the median of a figure over rounds.
func medianOf[R any](rounds []R, figure func(R) float64) float64 {
	all := make([]float64, len(rounds))
	for i, r := range rounds {
		all[i] = figure(r)
	}
	return quantile.Median(all)
}

// writeResults summarizes the rounds in the order of the matrix.
func (b *bench) writeResults(rounds []*round) []WriteResult {
	var results []WriteResult
	for _, s := range b.cmd.shapes() {
		for _, class := range b.cmd.Class {
			of := func(figure func(*writeMeasures) float64) float64 {
				return medianOf(rounds, func(r *round) float64 {
					m := r.cells[cellKey{class, s}]
					return figure(&m)
				})
			}
			results = append(results, WriteResult{
				Class: class, Writers: s.writers, Batch: s.batch, Limit: limitName(class, s),
				writeMeasures: writeMeasures{
					Writes:  of(func(m *writeMeasures) float64 { return m.Writes }),
					Records: of(func(m *writeMeasures) float64 { return m.Records }),
					P50US:   of(func(m *writeMeasures) float64 { return m.P50US }),
					P99US:   of(func(m *writeMeasures) float64 { return m.P99US }),
					Group:   of(func(m *writeMeasures) float64 { return m.Group }),
					Ratio:   of(func(m *writeMeasures) float64 { return m.Ratio }),
					CPU: load.CPUShares{
						Client: of(func(m *writeMeasures) float64 { return m.CPU.Client }),
						Server: of(func(m *writeMeasures) float64 { return m.CPU.Server }),
					},
				},
			})
		}
	}
	return results
}

// shapes returns the requested combinations.
func (c *Cmd) shapes() []shape {
	var all []shape
	for _, writers := range c.Writers {
		for _, batch := range c.Batch {
			if s := (shape{writers, batch}); !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}
