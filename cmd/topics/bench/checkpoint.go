package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

const (
	// pulseConns connections together write pulseRate records per second.
	pulseConns = 16
	pulseRate  = 4000
	pulseEvery = time.Second * pulseConns / pulseRate
	pulseTopic = "bench-pulse"
	// calm is how long a server is left idle after a load.
	calm = time.Second
	// mergeLook is the interval at which merges are checked. They are over if none
	// has ended for mergeOver. mergeWait bounds the wait for the first one.
	mergeLook = 50 * time.Millisecond
	mergeOver = 3 * time.Second
	mergeWait = 90 * time.Second
)

// CheckpointResult has the latencies of single writes of class disk while the
// server is quiet, takes checkpoints, or merges segments. Each of the latter
// two is preceded by a quiet time of the same server, because the machine
// varies from minute to minute.
type CheckpointResult struct {
	While   string  `json:"while"`
	Seconds float64 `json:"seconds"` // measured time
	Writes  int     `json:"writes"`
	P50US   float64 `json:"p50_us"`
	P99US   float64 `json:"p99_us"`
	P999US  float64 `json:"p999_us"`
	Ratio   float64 `json:"p99_to_quiet"`
}

func (b *bench) measureCheckpoint(ctx context.Context) (results []CheckpointResult, err error) {
	dir, done, err := scratch(b.dir, "checkpoint")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if results, err = b.whileCheckpoints(ctx, dir); err != nil {
		return nil, err
	}
	merges, err := b.whileMerges(ctx, dir)
	if err != nil {
		return nil, err
	}
	results = append(results, merges...)
	for i := range results {
		r := &results[i]
		r.Ratio = r.P99US / results[i-i%2].P99US
		b.logf("checkpoint: while %-11s p50 %5.0f us  p99 %6.0f us  p99.9 %6.0f us over %.1f s",
			r.While, r.P50US, r.P99US, r.P999US, r.Seconds)
	}
	return results, nil
}

// felt summarizes the windows of a pulse that has ended.
func felt(while string, p *load.Pulse, windows []load.Window) (CheckpointResult, error) {
	took := p.Within(windows)
	if len(took) == 0 {
		return CheckpointResult{}, fmt.Errorf("no write began while %s", while)
	}
	r := CheckpointResult{
		While: while, Writes: len(took),
		P50US:  load.Micros(quantile.Median(took)),
		P99US:  load.Micros(quantile.Of(took, 0.99)),
		P999US: load.Micros(quantile.Of(took, 0.999)),
	}
	for _, w := range windows {
		r.Seconds += w.To.Sub(w.From).Seconds()
	}
	return r, nil
}

// feltBoth summarizes a quiet time and a busy time that is compared with it.
func feltBoth(p *load.Pulse, quiet []load.Window, while string, busy []load.Window) ([]CheckpointResult, error) {
	a, err := felt("quiet", p, quiet)
	if err != nil {
		return nil, err
	}
	b, err := felt(while, p, busy)
	return []CheckpointResult{a, b}, err
}

func startLonePulse(ctx context.Context, s *server) (*load.Pulse, error) {
	return load.StartPulse(ctx, s.addr, pulseConns, pulseEvery, load.WriteRequest(pulseTopic, 1))
}

// whileCheckpoints measures a server that is quiet and takes a checkpoint of a
// load, in turns.
func (b *bench) whileCheckpoints(ctx context.Context, dir string) (results []CheckpointResult, err error) {
	server, err := boot(ctx, dir, append(b.env(), noCheckpoints...))
	if err != nil {
		return nil, err
	}
	defer server.kill()
	p, err := startLonePulse(ctx, server)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.End()) }()
	var quiet, busy []load.Window
	for range b.cmd.Repeats {
		if err := b.fillTopics(ctx, server, int(b.cmd.CheckpointRecords)); err != nil {
			return nil, err
		}
		load.Pause(ctx, calm)
		w := load.Window{From: time.Now()}
		load.Pause(ctx, b.cmd.Interval)
		w.To = time.Now()
		quiet = append(quiet, w)
		w.From = time.Now()
		if err := server.api.Checkpoint(ctx); err != nil {
			return nil, err
		}
		w.To = time.Now()
		busy = append(busy, w)
	}
	if err := p.End(); err != nil {
		return nil, err
	}
	return feltBoth(p, quiet, "checkpoints", busy)
}

// whileMerges measures a server that merges segments after a load of deletions.
// It takes a small checkpoint each second meanwhile, because merges follow
// checkpoints. It continues to do so in the quiet time, which is measured last.
func (b *bench) whileMerges(ctx context.Context, dir string) (results []CheckpointResult, err error) {
	server, err := boot(ctx, dir, append(b.env(), "TOPICS_CHECKPOINT_INTERVAL_MS=1000"))
	if err != nil {
		return nil, err
	}
	defer server.kill()
	if err := b.deleteHalf(ctx, server); err != nil {
		return nil, err
	}
	p, err := startLonePulse(ctx, server)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.End()) }()
	merging, err := b.awaitMerges(ctx, server)
	if err != nil {
		return nil, err
	}
	if err := p.End(); err != nil {
		return nil, err
	}
	return feltBoth(p, []load.Window{{From: merging.To, To: time.Now()}}, "merges", []load.Window{merging})
}

// deleteHalf deletes half of every topic's records by their tags.
func (b *bench) deleteHalf(ctx context.Context, s *server) error {
	const tags = corpusTags / 2
	return load.Fill(ctx, s.addr, curveConns, b.cmd.Topics*tags, func(_ []byte, i int) []byte {
		return load.DeleteTagRequest(topicName(i/tags), corpusTag(i%tags))
	})
}

// awaitMerges waits for merges and for their end. The window begins when a
// merge is first possible, at the second checkpoint, and ends with the last
// merge.
func (b *bench) awaitMerges(ctx context.Context, s *server) (w load.Window, err error) {
	first, err := s.metrics(ctx)
	if err != nil {
		return w, err
	}
	merges, began := first.Storage.Merges, time.Now()
	for ctx.Err() == nil {
		load.Pause(ctx, mergeLook)
		m, err := s.metrics(ctx)
		now := time.Now()
		switch {
		case err != nil:
			return w, err
		case w.From.IsZero() && m.Storage.Checkpoints < 2:
		case w.From.IsZero():
			w.From = now
		}
		if m.Storage.Merges != merges {
			merges, w.To = m.Storage.Merges, now
		}
		if w.To.IsZero() && now.Sub(began) > mergeWait {
			return w, fmt.Errorf("no merge within %v, after %d checkpoints", mergeWait, m.Storage.Checkpoints)
		}
		if !w.To.IsZero() && now.Sub(w.To) > mergeOver {
			return w, nil
		}
	}
	return w, ctx.Err()
}
