package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// Validate is called by kong.
func (c *Cmd) Validate() error {
	switch {
	case c.Interval <= 0 || c.Settle <= 0 || c.Warmup < 0 || c.Held < 0:
		return errors.New("--interval and --settle must be positive, --warmup and --held not negative")
	case c.Repeats < 1:
		return errors.New("--repeats must be at least 1")
	case slices.ContainsFunc(c.Writers, func(n int) bool { return n < 1 || n > 1024 }):
		return errors.New("--writers must be 1 to 1024")
	case slices.ContainsFunc(c.Batch, func(n int) bool { return n < 1 || n > 10_000 }):
		return errors.New("--batch must be 1 to 10000")
	case c.Turns < 1:
		return errors.New("--turns must be at least 1")
	case c.ReadRecords < readBatch || c.ReplayRecords < 2000:
		return fmt.Errorf("--read-records must be at least %d and --replay-records at least 2000", readBatch)
	case c.ProgressRecords < 500:
		return errors.New("--progress-records must be at least 500")
	case slices.ContainsFunc(c.Watchers, func(n int) bool { return n < 1 || n > 10_000 }) || c.IdleWatchers > 20_000:
		return errors.New("--watchers must be 1 to 10000 and --idle-watchers at most 20000")
	case c.Destinations < 1 || c.Destinations > 256:
		return errors.New("--destinations must be 1 to 256") // the limit of one watch
	case slices.ContainsFunc(c.QueueWorkers, func(n int) bool { return n < 1 || n > 1000 }) || c.QueueJobs < fillBatch:
		return fmt.Errorf("--queue-workers must be 1 to 1000 and --queue-jobs at least %d", fillBatch)
	case c.BacklogJobs < 10*backlogLeast:
		return fmt.Errorf("--backlog-jobs must be at least %d", 10*backlogLeast)
	case c.Topics < 1 || c.Topics > 100_000:
		return errors.New("--topics must be 1 to 100000")
	case c.Size < leastRecord || c.Size > 100_000:
		return fmt.Errorf("--size must be %d to 100000", leastRecord)
	}
	return nil
}

// Run runs the benchmark and prints the report.
func (c *Cmd) Run(ctx context.Context) error {
	if c.remote() {
		return c.measureRemote(ctx)
	}
	dir, err := os.MkdirTemp(c.Dir, "topics-bench-")
	if err != nil {
		return err
	}
	b := &bench{cmd: c, dir: dir, corpus: newCorpus(), progress: terminal.NewSteps(os.Stderr, c.steps())}
	report, err := b.run(ctx)
	b.progress.End()
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return err
	}
	if c.JSON {
		return report.WriteJSON(os.Stdout)
	}
	return report.WriteTable(os.Stdout)
}

func (b *bench) run(ctx context.Context) (*Report, error) {
	report := b.newReport()
	if len(b.cmd.Against) > 0 {
		var err error
		report.Repeats = b.cmd.Turns
		report.Against, err = b.measureAgainst(ctx)
		return report, err
	}
	if slices.Contains(b.cmd.Only, "writes") {
		var rounds []*round
		for i := range b.cmd.Repeats {
			b.logf("round %d of %d", i+1, b.cmd.Repeats)
			r, err := b.measureWrites(ctx, i)
			if err != nil {
				return nil, err
			}
			rounds = append(rounds, r)
			b.progress.Done()
		}
		report.addWrites(b, rounds)
	}
	for _, part := range []struct {
		name    string
		measure func(context.Context, *Report) error
	}{
		{"reads", func(ctx context.Context, r *Report) (err error) { r.Reads, err = b.measureReads(ctx); return err }},
		{"replay", func(ctx context.Context, r *Report) (err error) { r.Replay, err = b.measureReplay(ctx); return err }},
		{"recovery", func(ctx context.Context, r *Report) (err error) {
			if r.Recovery, err = b.measureRecovery(ctx); err == nil {
				r.Progress, err = b.measureProgress(ctx)
			}
			return err
		}},
		{"probes", func(ctx context.Context, r *Report) (err error) { r.Probes, err = b.measureProbes(ctx); return err }},
		{"idle", func(ctx context.Context, r *Report) (err error) { r.Idle, err = b.measureIdle(ctx); return err }},
		{"checkpoint", func(ctx context.Context, r *Report) (err error) {
			r.Checkpoint, err = b.measureCheckpoint(ctx)
			return err
		}},
		{"history", func(ctx context.Context, r *Report) (err error) { r.History, err = b.measureHistory(ctx); return err }},
		{"debian", func(ctx context.Context, r *Report) (err error) { r.Debian, err = b.measureDebian(ctx); return err }},
		{"bounded", func(ctx context.Context, r *Report) (err error) { r.Bounded, err = b.measureBounded(ctx); return err }},
		{"watch", func(ctx context.Context, r *Report) (err error) { r.Watch, err = b.measureWatch(ctx); return err }},
		{"queue", func(ctx context.Context, r *Report) (err error) { r.Queue, err = b.measureQueue(ctx); return err }},
		{"backlog", func(ctx context.Context, r *Report) (err error) {
			if r.Backlog, err = b.measureBacklog(ctx); err == nil {
				r.Due, err = b.measureDue(ctx)
			}
			return err
		}},
		{"fanout", func(ctx context.Context, r *Report) (err error) { r.Fanout, err = b.measureFanout(ctx); return err }},
	} {
		if !slices.Contains(b.cmd.Only, part.name) {
			continue
		}
		if err := part.measure(ctx, report); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		b.progress.Done()
	}
	return report, nil
}

// steps returns how many steps a run has: each round of writes, each other thing
// that is measured, or each turn against other servers.
func (c *Cmd) steps() int {
	if len(c.Against) > 0 {
		return c.Turns
	}
	if slices.Contains(c.Only, "writes") {
		return len(c.Only) - 1 + c.Repeats
	}
	return len(c.Only)
}
