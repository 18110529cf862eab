// Package attack attacks servers with little memory, with one kind of hostile
// clients after the other, while a well-behaved client uses the same server. The
// server must survive, keep to its limit, and serve the well-behaved client.
package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// Keys of the hostile clients and of the well-behaved one. Both may use the same
// routes.
const (
	hostileKey = "hostile-hostile"
	behavedKey = "behaved-behaved"
	// operatorKey prepares the server.
	operatorKey = "operator-operator"
)

// Cmd is the attack drill.
type Cmd struct {
	Only   []string      `help:"Run only attacks whose names begin with one of these."`
	Each   time.Duration `help:"Duration of each attack." default:"60s"`
	Scale  float64       `help:"Factor for the numbers of hostile clients." default:"1"`
	Memory int64         `help:"Memory limit of the server in MiB." default:"256"`
	Cgroup string        `help:"Directory of a cgroup with a memory controller, in which to make one with that limit for each server." type:"existingdir"`
	Dir    string        `help:"Parent of the run's temporary directory (default: the system's)." type:"existingdir"`
	Set    []string      `help:"Additional setting of the server, NAME=VALUE. Can be repeated." placeholder:"NAME=VALUE" sep:"none"`
	JSON   bool          `name:"json" help:"Print the report as JSON."`
	// The well-behaved client is a separate process: in that of the hostile
	// clients it would compete with them for the scheduler.
	Behave string `hidden:"" help:"Be the well-behaved client of the server at this address, and print the result."`
}

// Help is printed below the flags.
func (Cmd) Help() string {
	return "Examples:\n  topics drill attack --only headers --each 1s --scale 0.05"
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	switch {
	case c.Each <= 0:
		return errors.New("--each must be positive")
	case c.Scale <= 0 || c.Scale > 10:
		return errors.New("--scale must be above 0 and at most 10")
	case c.Memory < 64 || c.Memory > 1<<20:
		return errors.New("--memory must be 64 to 1048576 MiB")
	}
	for _, name := range c.Only {
		if !slices.ContainsFunc(attacks, func(a attack) bool { return strings.HasPrefix(a.name, name) }) {
			return fmt.Errorf("--only: there is no attack %q", name)
		}
	}
	return nil
}

// Run runs the attacks and prints the report. It returns an error if a server
// died, exceeded its limit or did not serve the well-behaved client.
func (c *Cmd) Run(ctx context.Context) (err error) {
	if c.Behave != "" {
		return c.behave(ctx)
	}
	dir, err := os.MkdirTemp(c.Dir, "topics-attack-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	report := &Report{LimitBytes: c.Memory << 20, Seconds: c.Each.Seconds(), Cgroup: c.Cgroup != ""}
	progress := terminal.NewSteps(os.Stderr, c.wanted())
	defer progress.End()
	for i, a := range attacks {
		if !a.possible() || !c.wants(a.name) {
			continue
		}
		r, err := c.run(ctx, filepath.Join(dir, fmt.Sprint(i)), a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		progress.Done()
		progress.Printf("%s: %d served, p99 %.1f ms, %d errors, peak %d MiB, ended: %q", r.Attack, r.Served, r.P99MS, r.Errors, r.PeakBytes>>20, r.Died)
		report.Results = append(report.Results, r)
	}
	progress.End()
	write := report.WriteTable
	if c.JSON {
		write = report.WriteJSON
	}
	if err := write(os.Stdout); err != nil {
		return err
	}
	if n := report.Broken(); n > 0 {
		return fmt.Errorf("attack drill: %d attacks succeeded", n)
	}
	return nil
}

// possible reports whether the attack can be made on this system.
func (a *attack) possible() bool { return a.disk == 0 || runtime.GOOS != "windows" }

func (c *Cmd) wants(name string) bool {
	return len(c.Only) == 0 || slices.ContainsFunc(c.Only, func(o string) bool { return strings.HasPrefix(name, o) })
}

// wanted returns the number of attacks to run.
func (c *Cmd) wanted() (n int) {
	for _, a := range attacks {
		if a.possible() && c.wants(a.name) {
			n++
		}
	}
	return n
}

// run runs one attack on a new server.
func (c *Cmd) run(ctx context.Context, dir string, a attack) (r Result, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return r, err
	}
	server, err := c.boot(ctx, dir, a)
	if err != nil {
		return r, err
	}
	defer server.Kill()
	group, err := confine(c.Cgroup, server.Pid(), c.Memory<<20)
	if err != nil {
		return r, err
	}
	defer func() {
		server.Kill()
		err = errors.Join(err, group.remove())
	}()
	addr, err := server.Addr()
	if err != nil {
		return r, err
	}
	err = prepare(ctx, addr)
	if err == nil && a.disk > 0 {
		err = makeCold(ctx, addr, dir)
	}
	if err != nil {
		return r, fmt.Errorf("before the attack: %w", err)
	}
	if r, err = c.face(ctx, addr, a); err != nil {
		return r, err
	}
	r.PeakBytes, err = child.PeakOwn(server.Pid())
	select {
	case <-server.Done():
		r.Died, err = server.Ended().Error(), nil
	default:
	}
	return r, errors.Join(err, ctx.Err())
}

func (c *Cmd) boot(ctx context.Context, dir string, a attack) (*child.Server, error) {
	env := []string{
		fmt.Sprintf("TOPICS_MEMORY_BYTES=%dMiB", c.Memory),
		"TOPICS_API_KEYS=" + hostileKey + ":rw," + behavedKey + ":rw," + operatorKey + ":a",
	}
	o := child.Options{Dir: dir}
	if a.disk > 0 {
		o.Command, o.Args = slowCommand, []string{"--reads=" + a.disk.String()}
		env = append(env, "TOPICS_COLD_DIR="+filepath.Join(dir, coldName))
	}
	o.Env = slices.Concat(env, a.env, c.Set)
	server, _, err := child.Boot(ctx, o, 20*time.Millisecond, nil)
	return server, err
}

// slowCommand is the subcommand of a server whose cold directory is slow, and coldName
// the name of that directory. Windows has no such command.
const (
	slowCommand = "serve-held"
	coldName    = "cold"
)

// makeCold has the server move its records to the cold directory.
func makeCold(ctx context.Context, addr, dir string) error {
	api, err := client.New("http://"+addr, client.Options{Key: operatorKey, Timeout: time.Minute})
	if err != nil {
		return err
	}
	defer api.Close()
	if err := api.Checkpoint(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := filepath.Glob(filepath.Join(child.DataDir(dir), "segments", "*.seg"))
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// face runs the attack and the well-behaved client at the same time.
func (c *Cmd) face(ctx context.Context, addr string, a attack) (r Result, err error) {
	attacked, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &foe{ctx: attacked, addr: addr, scale: c.Scale}
	f.crowds.Go(func() { a.run(f) })
	began := time.Now()
	r, err = c.witness(ctx, addr)
	cancel()
	f.crowds.Wait()
	r.Attack, r.What, r.Seconds = a.name, a.what, time.Since(began).Seconds()
	r.Attempts = f.attempts.Load()
	return r, err
}

// large is a topic with records of largeRecord bytes.
const (
	large        = "large"
	largeRecord  = 900_000
	largeRecords = 40
)

// old is a topic with records of 1 KiB.
const (
	old        = "old"
	oldRecords = 5_000
)

// prepare fills the topics large and old.
func prepare(ctx context.Context, addr string) error {
	api, err := client.New("http://"+addr, client.Options{Key: hostileKey, Timeout: time.Minute})
	if err != nil {
		return err
	}
	defer api.Close()
	data := []byte(`"` + strings.Repeat("x", largeRecord-2) + `"`)
	for range largeRecords {
		if _, err := api.Append(ctx, large, &client.Write{Entries: []client.Entry{{Data: data}}}); err != nil {
			return err
		}
	}
	small := append(bytes.Clone(data[:1<<10-1]), '"')
	w := &client.Write{Entries: slices.Repeat([]client.Entry{{Data: small}}, 10)}
	for range oldRecords / len(w.Entries) {
		if _, err := api.Append(ctx, old, w); err != nil {
			return err
		}
	}
	return nil
}
