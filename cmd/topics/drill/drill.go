// Package drill repeatedly kills a server while it is being written to, and
// checks that it kept every promise: nothing acknowledged is lost beyond what
// its durability class allows, nothing is stored twice or in part, no seq is
// given to two records, every loss is reported, and the probes are right for a
// load balancer.
package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/cmd/topics/drill/result"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

const (
	// topicsPerClass is the number of topics of each class.
	topicsPerClass = 2
	// logFiles makes the log's files small, so that kills often coincide with a
	// change of files.
	logFiles = "TOPICS_WAL_FILE_BYTES=4MiB"
)

// settings make the server's storage busy all the time: checkpoints, merges,
// moves of segments to the cold directory, and archiving and reuse of log
// files.
func settings(dir string) []string {
	return []string{
		logFiles,
		"TOPICS_CHECKPOINT_BYTES=4MiB",
		"TOPICS_CHECKPOINT_INTERVAL_MS=250",
		"TOPICS_SEGMENT_MAX_BYTES=1MiB",
		"TOPICS_HOT_RETAIN_SEGMENTS=2",
		"TOPICS_COLD_DIR=" + coldDir(dir),
		"TOPICS_ARCHIVE_DIR=" + filepath.Join(dir, "archive"),
	}
}

// coldDir returns the cold directory of a server that runs in dir.
func coldDir(dir string) string { return filepath.Join(dir, "cold") }

// Cmd is the drill command.
type Cmd struct {
	Kills    int           `help:"Number of kills." default:"10"`
	Seed     uint64        `help:"Seed of the plan: ops, payloads, times of kills. 0 means a seed from the clock." default:"0"`
	Duration time.Duration `help:"Longest time under load before a kill." default:"1s"`
	Writers  int           `help:"Concurrent writers, spread over the four durability classes." default:"16"`
	Dir      string        `help:"Parent of the run's temporary directory (default: the system's)." type:"existingdir"`
	Keep     bool          `help:"Keep the run's directory if a promise was broken."`
	Set      []string      `help:"Additional setting of the server, NAME=VALUE. Can be repeated." placeholder:"NAME=VALUE" sep:"none"`
	JSON     bool          `name:"json" help:"Print the report as JSON."`
}

// Help is printed below the flags.
func (Cmd) Help() string { return "Examples:\n  topics drill --kills 1 --duration 200ms" }

// Validate is called by kong.
func (c *Cmd) Validate() error {
	switch {
	case c.Kills < 1:
		return errors.New("--kills must be at least 1")
	case c.Writers < len(classes) || c.Writers > 1024:
		return fmt.Errorf("--writers must be %d to 1024", len(classes))
	case c.Duration <= 0:
		return errors.New("--duration must be positive")
	}
	for _, setting := range c.Set {
		if name, _, some := strings.Cut(setting, "="); !some || name == "" {
			return fmt.Errorf("--set must be NAME=VALUE, and is %q", setting)
		}
	}
	return nil
}

// Run runs the drill and prints its report. It returns an error if a promise
// was broken or the drill could not be finished.
func (c *Cmd) Run(ctx context.Context) error {
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano())
	}
	dir, err := os.MkdirTemp(c.Dir, "topics-drill-")
	if err != nil {
		return err
	}
	progress := terminal.NewSteps(os.Stderr, c.Kills)
	d := c.newDrill(dir, progress)
	runErr := d.run(ctx)
	progress.End()
	report := d.report()
	if runErr != nil {
		report.Error = runErr.Error()
	}
	end := result.Drill{
		Name: fmt.Sprintf("drill with seed %d, after %d kills", c.Seed, d.kills),
		Dir:  dir, Keep: c.Keep, JSON: c.JSON, Err: runErr,
	}
	if err := end.End(report, os.Stdout); err != nil {
		return err
	}
	if report.Total.AckedWrites == 0 {
		return fmt.Errorf("drill with seed %d: nothing was acknowledged, so nothing was tested", c.Seed)
	}
	return nil
}

// drill is one run.
type drill struct {
	plan     plan
	wanted   int // number of kills
	options  child.Options
	progress *terminal.Steps // a step and a line for each kill
	findings *findings
	books    []*book
	writers  []*writer
	gate     *gate
	began    time.Time
	kills    int
	early    int
	operator operator
	current  current
	routes   routes
	watcher  *watcher
	hits     map[work]int // kills under load that coincided with this work
}

func (c *Cmd) newDrill(dir string, progress *terminal.Steps) *drill {
	d := &drill{
		plan:     plan{seed: c.Seed, uptime: c.Duration},
		wanted:   c.Kills,
		options:  child.Options{Dir: dir, Env: append(settings(dir), c.Set...)},
		progress: progress,
		findings: &findings{},
		began:    time.Now(),
		hits:     make(map[work]int),
	}
	d.gate = newGate(d.findings)
	for _, class := range classes {
		for i := range topicsPerClass {
			d.books = append(d.books, newBook(fmt.Sprintf("drill-%s-%d", class, i), class, d.plan, d.findings))
		}
	}
	for id := range c.Writers {
		d.writers = append(d.writers, newWriter(uint16(id), d.books[id%len(d.books)], d.plan))
	}
	d.addRoutes(uint16(c.Writers))
	return d
}

// addRoutes adds a topic with its own writer whose records are routed, and the
// watcher of topics that survive kills.
func (d *drill) addRoutes(id uint16) {
	source := newBook("drill-source", fsync, d.plan, d.findings)
	d.routes = newRoutes(source, fmt.Sprintf("w%d-op-1", id), d.findings)
	d.watcher = newWatcher()
	d.books = append(d.books, source)
	for _, b := range d.books {
		if b.class.survives() {
			d.watcher.topics[b.topic] = b
		}
	}
	for _, r := range d.routes {
		d.watcher.topics[r.dest] = r
	}
	d.writers = append(d.writers, newWriter(id, source, d.plan))
}

// run kills the server as often as planned, boots it once more, and checks
// everything.
func (d *drill) run(ctx context.Context) error {
	defer d.watcher.stop()
	for k := range d.wanted {
		kill := d.killUnderLoad
		planned := d.plan.kill(k)
		if planned.early {
			kill = d.killEarly
		}
		if err := kill(ctx, planned); err != nil {
			return err
		}
		d.kills++
		d.progress.Done()
		d.progress.Printf("kill %d of %d: ready after %v, %d promises broken",
			d.kills, d.wanted, d.gate.lastWait().Round(time.Millisecond), d.broken())
	}
	server, c, err := d.boot(ctx)
	if err != nil {
		return err
	}
	defer server.Kill()
	defer c.Close()
	if err := d.check(ctx, c); err != nil {
		return err
	}
	return d.watcher.finish(ctx, c)
}

func (d *drill) broken() int64 {
	n := d.gate.broken + d.operator.failed
	for _, b := range d.books {
		t := b.counted()
		n += t.broken()
	}
	for _, r := range d.routes {
		t := r.counted()
		n += t.broken()
	}
	return n
}
