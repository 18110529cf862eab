package bench

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

// ProgressResult is the accuracy of the progress reported during the replays of
// a log: medians of several replays, and the worst Off.
type ProgressResult struct {
	Log      string  `json:"log"`
	LogBytes int64   `json:"log_bytes"`
	ReplayMS float64 `json:"replay_ms"` // as seen by the probes, until ready
	Readings int     `json:"readings"`
	// Off is the largest difference between replay_progress and the share of the
	// time that had passed; ETAOffMS is that between eta_ms and the remaining
	// time, after the first fifth. ETAOff is that as a share of the remaining
	// time, without the last twentieth, in which it would be noise.
	Off      float64 `json:"progress_off"`
	ETAOffMS float64 `json:"eta_off_ms"`
	ETAOff   float64 `json:"eta_off"`
	WorstOff float64 `json:"progress_off_worst"`
}

// logKind describes a log to replay: single records followed by batches of 100.
type logKind struct {
	name          string
	lone, batches int
}

// measureProgress restarts servers with a log of single records, one of
// batches, and one of both, and compares the progress that they report with the
// time.
func (b *bench) measureProgress(ctx context.Context) ([]ProgressResult, error) {
	n := int(b.cmd.ProgressRecords)
	var results []ProgressResult
	for _, kind := range []logKind{
		{"single records", n / 4, 0},
		{"batches of 100", 0, n / 100},
		{"both", n / 4, n / 500},
	} {
		r, err := b.measureFollowed(ctx, kind)
		if err != nil {
			return results, fmt.Errorf("progress over %s: %w", kind.name, err)
		}
		b.logf("progress: %s  off by at most %.3f (worst %.3f), eta by %.0f ms or %.0f %%, of %.0f ms", r.Log, r.Off, r.WorstOff, r.ETAOffMS, 100*r.ETAOff, r.ReplayMS)
		results = append(results, r)
	}
	return results, nil
}

func (b *bench) measureFollowed(ctx context.Context, kind logKind) (r ProgressResult, err error) {
	dir, done, err := scratch(b.dir, "progress")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, done()) }()
	r.Log = kind.name
	if err := b.fillKind(ctx, dir, kind, &r); err != nil {
		return r, err
	}
	b.logf("progress: %s are written", r.Log)
	var all []ProgressResult
	for range b.cmd.Repeats {
		one, err := b.replayAgain(ctx, dir, r)
		if err != nil {
			return r, err
		}
		all = append(all, one)
	}
	return medianProgress(all), nil
}

// replayAgain starts a server and kills it once it is ready. Its log is the same
// after that.
func (b *bench) replayAgain(ctx context.Context, dir string, r ProgressResult) (ProgressResult, error) {
	server, err := boot(ctx, dir, b.replayEnv())
	if err != nil {
		return r, err
	}
	defer server.kill()
	r.judge(server.seen)
	return r, nil
}

// medianProgress summarizes several replays of the same log.
func medianProgress(all []ProgressResult) ProgressResult {
	median := func(of func(*ProgressResult) float64) float64 {
		var values []float64
		for i := range all {
			values = append(values, of(&all[i]))
		}
		return quantile.Median(values)
	}
	r := all[len(all)/2]
	r.ReplayMS = median(func(r *ProgressResult) float64 { return r.ReplayMS })
	r.Off = median(func(r *ProgressResult) float64 { return r.Off })
	r.ETAOffMS = median(func(r *ProgressResult) float64 { return r.ETAOffMS })
	r.ETAOff = median(func(r *ProgressResult) float64 { return r.ETAOff })
	for i := range all {
		r.WorstOff = max(r.WorstOff, all[i].Off)
	}
	return r
}

// fillKind loads a server and kills it with SIGKILL.
func (b *bench) fillKind(ctx context.Context, dir string, kind logKind, r *ProgressResult) error {
	server, err := boot(ctx, dir, b.replayEnv())
	if err != nil {
		return err
	}
	defer server.kill()
	const topic = "bench-progress"
	if err := server.configure(ctx, topic, "disk"); err != nil {
		return err
	}
	for _, w := range []struct{ conns, writes, batch int }{{64, kind.lone, 1}, {16, kind.batches, 100}} {
		if w.writes == 0 {
			continue
		}
		if err := load.Fill(ctx, server.addr, w.conns, w.writes, load.Same(load.WriteRequest(topic, w.batch))); err != nil {
			return err
		}
	}
	m, err := server.metrics(ctx)
	r.LogBytes = int64(m.WAL.BytesWritten)
	return err
}

// judge compares the probes of a replay with the time that passed. The last
// probe is the first one that was ready.
func (r *ProgressResult) judge(seen []child.Probe) {
	if len(seen) == 0 {
		return
	}
	began, ended := seen[0].At, seen[len(seen)-1].At
	whole := ended - began
	r.Readings, r.ReplayMS = len(seen), milliseconds(whole)
	for _, p := range seen[:len(seen)-1] {
		passed := p.At - began
		share := float64(passed) / float64(whole)
		r.Off = max(r.Off, math.Abs(p.Progress-share))
		if share >= 0.2 {
			left := whole - passed
			miss := (p.ETA - left).Abs()
			r.ETAOffMS = max(r.ETAOffMS, milliseconds(miss))
			if share <= 0.95 {
				r.ETAOff = max(r.ETAOff, float64(miss)/float64(left))
			}
		}
	}
}

// values returns the number of distinct replay_progress values seen.
func (s *server) values() int {
	values := map[float64]bool{}
	for _, p := range s.seen {
		values[p.Progress] = true
	}
	return len(values)
}
