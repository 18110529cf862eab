// Package jobs is the drill of queues: worker processes are killed at random,
// and so is the server, while jobs of all durability classes are written and
// done. What was acknowledged must be done at least once, and nothing may be
// delivered again unless a lease was lost, a worker or the server died, or a
// worker gave it back.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/cmd/topics/drill/result"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// Cmd is the drill command.
type Cmd struct {
	Jobs     int           `help:"Number of jobs." default:"5000"`
	Workers  int           `help:"Number of worker processes at a time." default:"4"`
	Parallel int           `help:"Handlers that a worker runs at the same time for each queue." default:"4"`
	Kills    int           `help:"How often the server is killed, at even parts of the jobs." default:"3"`
	Every    time.Duration `help:"Mean time between two ends of workers; every other one is a kill." default:"500ms"`
	Lease    time.Duration `help:"Lease of a job." default:"5s"`
	Data     string        `help:"JSON lines, gzipped if the name ends in .gz, to use as the jobs' payloads (default: generated ones)." type:"existingfile"`
	Seed     uint64        `help:"Seed of the plan. 0 means a seed from the clock." default:"0"`
	Dir      string        `help:"Parent of the run's temporary directory (default: the system's)." type:"existingdir"`
	Keep     bool          `help:"Keep the run's directory if a promise was broken."`
	JSON     bool          `name:"json" help:"Print the report as JSON."`
}

// Help is printed below the flags.
func (Cmd) Help() string { return "Examples:\n  topics drill queue --jobs 50 --kills 1 --workers 2" }

// Validate is called by kong.
func (c *Cmd) Validate() error {
	switch {
	case c.Jobs < 1 || c.Kills < 0:
		return errors.New("--jobs must be at least 1 and --kills not negative")
	case c.Workers < 1 || c.Workers > 64 || c.Parallel < 1 || c.Parallel > 100:
		return errors.New("--workers must be 1 to 64 and --parallel 1 to 100")
	case c.Every <= 0 || c.Lease < time.Second:
		return errors.New("--every must be positive and --lease at least 1s")
	}
	return nil
}

// Run runs the drill and prints its report. It returns an error if a promise was
// broken or the drill could not be finished.
func (c *Cmd) Run(ctx context.Context) error {
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano())
	}
	dir, err := os.MkdirTemp(c.Dir, "topics-jobs-")
	if err != nil {
		return err
	}
	d := &drill{cmd: c, dir: dir, progress: terminal.NewSteps(os.Stderr, c.Kills), began: time.Now(), rng: rand.New(rand.NewPCG(c.Seed, 3<<40))}
	runErr := d.run(ctx)
	d.progress.End()
	report := d.report()
	if runErr != nil {
		report.Error = runErr.Error()
	}
	end := result.Drill{
		Name: fmt.Sprintf("drill of queues with seed %d", c.Seed),
		Dir:  dir, Keep: c.Keep, JSON: c.JSON, Err: runErr,
	}
	return end.End(report, os.Stdout)
}

const (
	// bootTimeout bounds the wait for a boot to become ready.
	bootTimeout = 2 * time.Minute
	// probeEvery is the interval between probes of a boot.
	probeEvery = 5 * time.Millisecond
	// lookEvery is the interval at which the queues are looked at.
	lookEvery = 50 * time.Millisecond
	// stuckAfter is how long no job may end.
	stuckAfter = 2 * time.Minute
	// clockSlack is by how much the server's clock of milliseconds may differ.
	clockSlack = 2 * time.Millisecond
)

// drill is one run.
type drill struct {
	cmd      *Cmd
	dir      string
	progress *terminal.Steps // a step and a line for each kill
	began    time.Time
	rng      *rand.Rand
	port     string
	server   *child.Server
	api      *client.Client // retries while the server is down
	crew     *crew
	producer *producer
	evidence evidence
	verdict  *verdict // nil until the end
	exits    int      // workers that were stopped in order
}

// run runs the drill up to the verdict.
func (d *drill) run(ctx context.Context) error {
	lines, err := payloads(d.cmd.Data, d.cmd.Jobs, d.cmd.Seed)
	if err != nil {
		return err
	}
	if err := d.boot(ctx); err != nil {
		return err
	}
	defer func() { d.server.Kill() }()
	defer d.api.Close()
	plan := plan{seed: d.cmd.Seed, lease: d.cmd.Lease}
	for _, c := range classes {
		if _, err := d.api.PutTopic(ctx, c.queue(), c.config(d.cmd.Lease)); err != nil {
			return fmt.Errorf("make queue %s: %w", c.queue(), err)
		}
	}
	d.producer = &producer{api: d.api, plan: plan, jobs: d.cmd.Jobs, lines: lines}
	d.crew = &crew{dir: d.dir, args: []string{
		"--url", "http://127.0.0.1:" + d.port, "--seed", strconv.FormatUint(d.cmd.Seed, 10),
		"--lease", d.cmd.Lease.String(), "--parallel", strconv.Itoa(d.cmd.Parallel),
	}}
	defer func() { _ = d.crew.leave(true) }() // only after an error are any left
	if err := d.load(ctx); err != nil {
		return err
	}
	if err := d.crew.leave(false); err != nil {
		return err
	}
	return d.conclude(ctx)
}

// boot starts the server, always at the same address, and waits until it is
// ready.
func (d *drill) boot(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, errors.New("the server was not ready in time"))
	defer cancel()
	o := child.Options{Dir: d.dir, Env: []string{"TOPICS_CHECKPOINT_BYTES=4MiB", "TOPICS_CHECKPOINT_INTERVAL_MS=250", "TOPICS_SEGMENT_MAX_BYTES=1MiB"}}
	if d.port != "" {
		o.Env = append(o.Env, "TOPICS_PORT="+d.port)
	}
	server, ready, err := child.Boot(ctx, o, probeEvery, nil)
	if err != nil {
		return err
	}
	d.server = server
	if d.api != nil {
		return nil
	}
	if _, d.port, err = net.SplitHostPort(ready.Addr); err != nil {
		return err
	}
	d.api, err = client.New("http://"+ready.Addr, client.Options{RetryFor: bootTimeout})
	return err
}

// load has the jobs written and done, while workers come and go and the server
// is killed.
func (d *drill) load(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range d.cmd.Workers {
		if err := d.crew.hire(); err != nil {
			return err
		}
	}
	produced := make(chan error, 1)
	go func() { produced <- d.producer.run(ctx) }()
	ends := make(chan error, 1)
	changing := make(chan struct{})
	go func() { defer close(changing); ends <- d.change(ctx) }()
	err := d.oversee(ctx, produced, ends)
	cancel()
	<-changing
	return err
}

// oversee kills the server as planned. It returns when all jobs are written and
// have ended.
func (d *drill) oversee(ctx context.Context, produced, ends <-chan error) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	all, kills := false, 0
	over, moved := int64(-1), time.Now()
	for {
		select {
		case err := <-produced:
			if err != nil {
				return err
			}
			all = true
		case err := <-ends:
			return err
		case <-d.server.Done():
			return d.server.Ended()
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		written := d.producer.count.Load()
		left, err := d.left(ctx)
		if err != nil {
			return err
		}
		now := written - left // those of a class that does not survive a kill count as ended
		if now != over {
			over, moved = now, time.Now()
		}
		switch {
		case all && left == 0 && kills == d.cmd.Kills:
			return nil
		case kills < d.cmd.Kills && (now >= int64(d.cmd.Jobs)*int64(kills+1)/int64(d.cmd.Kills+1) || all && left == 0):
			kills++
			if err := d.kill(ctx, kills); err != nil {
				return err
			}
			moved = time.Now()
		case time.Since(moved) > stuckAfter:
			return fmt.Errorf("%d jobs are left, and none has ended for %s", left, stuckAfter)
		}
	}
}

// left returns how many jobs are in the queues.
func (d *drill) left(ctx context.Context) (n int64, err error) {
	for _, c := range classes {
		state, err := d.api.State(ctx, c.queue())
		if err != nil {
			return 0, err
		}
		n += state.Count
	}
	return n, nil
}

// kill kills the server and boots it again.
func (d *drill) kill(ctx context.Context, n int) error {
	o := outage{from: time.Now().UnixNano()}
	d.server.Kill()
	err := d.boot(ctx)
	o.to = time.Now().UnixNano()
	d.evidence.outages = append(d.evidence.outages, o)
	if err == nil {
		d.progress.Done()
		d.progress.Printf("kill %d of %d: ready after %v, %d jobs written, %d workers so far",
			n, d.cmd.Kills, time.Duration(o.to-o.from).Round(time.Millisecond), d.producer.count.Load(), len(d.crew.members()))
	}
	return err
}

// change ends workers, by a kill or in order, and hires others, until ctx is
// done and those that were ended are gone. A worker that ends in order may have
// jobs to finish, and others are ended meanwhile.
func (d *drill) change(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var leaving sync.WaitGroup
	defer leaving.Wait()
	for {
		t := time.NewTimer(time.Duration(d.rng.Int64N(2 * int64(d.cmd.Every))))
		select {
		case <-ctx.Done():
			t.Stop()
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		case <-t.C:
		}
		m := d.crew.pick(d.rng.IntN(d.cmd.Workers))
		kill := d.rng.IntN(2) == 0
		if !kill {
			d.exits++
		}
		leaving.Go(func() {
			if err := m.end(kill); err != nil {
				cancel(err)
			}
		})
		if err := d.crew.hire(); err != nil {
			return err
		}
	}
}
