// Package bench measures a server, run as a child process, against what this
// machine could do at best: writes by class, connections and batch size,
// reads, and replay. In the same run it measures the machine's own limits
// (raw append and sync, raw group commit, raw read and checksum), and prints
// every result as a ratio to its limit too. Further parts measure what grows
// with the data and what must not: restarts, memory, disk, and what writers
// feel of the work in the background.
//
// The load comes over loopback HTTP, so client and server share the
// processors; the share of each is printed beside every result.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Cmd is the bench command.
type Cmd struct {
	Only              []string      `help:"What to measure: ${enum}." enum:"writes,reads,replay,recovery,probes,idle,checkpoint,history,debian,bounded,watch,fanout" default:"writes,reads,replay,recovery,probes,idle,checkpoint,history,debian,bounded,watch,fanout"`
	Class             []string      `help:"Durability classes of the writes." enum:"ephemeral,memory,disk,fsync" default:"ephemeral,memory,disk,fsync"`
	Writers           []int         `help:"Numbers of connections of the writes." default:"1,16,64"`
	Batch             []int         `help:"Records per write of the writes." default:"1,100"`
	Interval          time.Duration `help:"Measured time of each figure." default:"3s"`
	Warmup            time.Duration `help:"Load before each measured time." default:"500ms"`
	Repeats           int           `help:"Rounds of the writes; medians are printed." default:"3"`
	ReadRecords       int           `help:"Records that the reads read." default:"500000"`
	ReplayRecords     int           `help:"Records of the replay; a tenth of them again as single writes." default:"2000000"`
	ProgressRecords   amount        `help:"Records of the logs whose replay's progress recovery holds against the clock; a quarter of them as single writes." default:"20M"`
	Records           []amount      `help:"Records of the recovery, a fresh directory for each: 1M,10M,50M make a curve." default:"1M"`
	Topics            int           `help:"Topics that the records of recovery, checkpoint and history are in." default:"1000"`
	Size              int           `help:"Bytes of data of those records, and of idle and bounded." default:"200"`
	Held              time.Duration `help:"How long a sync has been held when its probes begin." default:"11s"`
	IdleTopics        amount        `help:"Topics at rest of idle." default:"100k"`
	CheckpointRecords amount        `help:"Records that each measured checkpoint takes out of the log." default:"500k"`
	HistoryRecords    amount        `help:"Records of history." default:"2M"`
	BoundedRecords    amount        `help:"Records that each topic of bounded is written." default:"1M"`
	Watchers          []int         `help:"Numbers of watchers of watch." default:"1,10,100,1000"`
	IdleWatchers      amount        `help:"Watchers at rest of watch." default:"10k"`
	Destinations      int           `help:"Routers, each to a topic of its own, of fanout." default:"100"`
	Debian            string        `help:"Package index for debian, JSON lines in gzip. Without, one of its shape is made." type:"existingfile"`
	Dir               string        `help:"Directory to make the run's own directory in (default: the system's)." type:"existingdir"`
	Set               []string      `help:"Further setting of the server, NAME=VALUE; may be repeated." placeholder:"NAME=VALUE" sep:"none"`
	JSON              bool          `name:"json" help:"Print the report as JSON."`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	switch {
	case c.Interval <= 0 || c.Warmup < 0 || c.Held < 0:
		return errors.New("--interval must be positive, --warmup and --held not negative")
	case c.Repeats < 1:
		return errors.New("--repeats must be at least 1")
	case slices.ContainsFunc(c.Writers, func(n int) bool { return n < 1 || n > 1024 }):
		return errors.New("--writers must be 1 to 1024")
	case slices.ContainsFunc(c.Batch, func(n int) bool { return n < 1 || n > 10_000 }):
		return errors.New("--batch must be 1 to 10000")
	case c.ReadRecords < readBatch || c.ReplayRecords < 2000:
		return fmt.Errorf("--read-records must be at least %d and --replay-records at least 2000", readBatch)
	case c.ProgressRecords < 500:
		return errors.New("--progress-records must be at least 500")
	case slices.ContainsFunc(c.Watchers, func(n int) bool { return n < 1 || n > 10_000 }) || c.IdleWatchers > 20_000:
		return errors.New("--watchers must be 1 to 10000 and --idle-watchers at most 20000")
	case c.Destinations < 1 || c.Destinations > 256:
		return errors.New("--destinations must be 1 to 256") // what one watch may follow
	case c.Topics < 1 || c.Topics > 100_000:
		return errors.New("--topics must be 1 to 100000")
	case c.Size < leastRecord || c.Size > 100_000:
		return fmt.Errorf("--size must be %d to 100000", leastRecord)
	}
	return nil
}

// Run measures and prints the report. A missed aim is no error.
func (c *Cmd) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp(c.Dir, "topics-bench-")
	if err != nil {
		return err
	}
	b := &bench{cmd: c, dir: dir, corpus: newCorpus(), progress: os.Stderr}
	report, err := b.run(ctx)
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return err
	}
	if c.JSON {
		return report.WriteJSON(os.Stdout)
	}
	return report.WriteTable(os.Stdout)
}

// bench is one run.
type bench struct {
	cmd      *Cmd
	dir      string
	corpus   *corpus
	progress io.Writer // one line per figure, while it runs
}

func (b *bench) run(ctx context.Context) (*Report, error) {
	report := b.newReport()
	if slices.Contains(b.cmd.Only, "writes") {
		var rounds []*round
		for i := range b.cmd.Repeats {
			b.logf("round %d of %d", i+1, b.cmd.Repeats)
			r, err := b.measureWrites(ctx, i)
			if err != nil {
				return nil, err
			}
			rounds = append(rounds, r)
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
		{"fanout", func(ctx context.Context, r *Report) (err error) { r.Fanout, err = b.measureFanout(ctx); return err }},
	} {
		if !slices.Contains(b.cmd.Only, part.name) {
			continue
		}
		if err := part.measure(ctx, report); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	report.Aims = append(report.Aims, report.progressAims()...)
	report.Aims = append(report.Aims, report.probeAims()...)
	report.Aims = append(report.Aims, report.storageAims()...)
	report.Aims = append(report.Aims, report.watchAims()...)
	return report, nil
}

// env is the settings of every server. Ephemeral records live in memory, and
// a cell may write more of them than the default allows.
func (b *bench) env() []string {
	return append([]string{"TOPICS_EPHEMERAL_BYTES=8GiB"}, b.cmd.Set...)
}

// logf tells how the run gets on.
func (b *bench) logf(format string, a ...any) { fmt.Fprintf(b.progress, format+"\n", a...) }
