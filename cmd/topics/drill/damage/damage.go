// Package damage harms data directories at random and proves with the real
// server and the real tools that damage is never silent: a start either serves
// everything that was acknowledged, or covers it with a tombstone, or is
// refused in words, and then a repair leads back to the first two. No seq is
// ever given to two records, and the server, verify and repair agree.
package damage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/drill/result"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// Cmd is the damage drill.
type Cmd struct {
	Tries    int    `help:"How many directories are damaged." default:"100"`
	Seed     uint64 `help:"Seed of the histories and of the damage. 0 takes one from the clock." default:"0"`
	Only     int    `help:"Run only the try of this number, from 1." default:"0"`
	Scenes   int    `help:"How many histories the directories are taken from." default:"3"`
	Parallel int    `help:"Tries that run at the same time." default:"2"`
	Dir      string `help:"Directory to make the run's own directory in (default: the system's)." type:"existingdir"`
	Keep     bool   `help:"Keep the directories of tries that broke a promise."`
	JSON     bool   `name:"json" help:"Print the report as JSON."`
}

// Help is printed below the flags.
func (Cmd) Help() string { return "Examples:\n  topics drill damage --tries 2 --scenes 1" }

// Validate is called by kong.
func (c *Cmd) Validate() error {
	switch {
	case c.Tries < 1:
		return errors.New("--tries must be at least 1")
	case c.Only < 0 || c.Only > c.Tries:
		return fmt.Errorf("--only must be 1 to --tries (%d)", c.Tries)
	case c.Scenes < 1 || c.Scenes > 100:
		return errors.New("--scenes must be 1 to 100")
	case c.Parallel < 1 || c.Parallel > 64:
		return errors.New("--parallel must be 1 to 64")
	}
	return nil
}

// Run runs the tries and prints the report. It returns an error when a promise
// was broken or the drill could not be finished.
func (c *Cmd) Run(ctx context.Context) (err error) {
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano())
	}
	dir, err := os.MkdirTemp(c.Dir, "topics-damage-")
	if err != nil {
		return err
	}
	began := time.Now()
	report := &Report{Seed: c.Seed, Kinds: map[kind]map[outcome]int{}, Findings: []string{}}
	report.progress = terminal.NewSteps(os.Stderr, c.steps())
	runErr := c.run(ctx, dir, report)
	report.progress.End()
	report.Seconds = time.Since(began).Seconds()
	end := result.Drill{
		Name: fmt.Sprintf("damage drill with seed %d", c.Seed),
		Dir:  dir, Keep: c.Keep, JSON: c.JSON, Err: runErr,
	}
	return end.End(report, os.Stdout)
}

// run builds the scenes and makes the tries.
func (c *Cmd) run(ctx context.Context, dir string, report *Report) error {
	var scenes []*scene
	for n := range c.Scenes {
		s := newScene(n, filepath.Join(dir, fmt.Sprintf("scene-%d", n)), c.Seed)
		if err := s.build(ctx); err != nil {
			return fmt.Errorf("building scene %d: %w", n, err)
		}
		scenes = append(scenes, s)
		report.progress.Done()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range c.Parallel {
		wg.Go(func() {
			for n := range numbers {
				if err := c.try(ctx, n, dir, scenes, report); err != nil {
					cancel(fmt.Errorf("try %d: %w", n, err))
				}
			}
		})
	}
	for n := 1; n <= c.Tries && ctx.Err() == nil; n++ {
		if c.Only == 0 || c.Only == n {
			numbers <- n
		}
	}
	close(numbers)
	wg.Wait()
	return context.Cause(ctx)
}

// steps returns how many steps a run has: scenes, and tries in them.
func (c *Cmd) steps() int {
	if c.Only > 0 {
		return c.Scenes + 1
	}
	return c.Scenes + c.Tries
}

// streamTries separates the tries' generators from those of the scenes.
const streamTries = 1 << 56

// try makes one try. Its number and the seed decide everything that is drawn.
func (c *Cmd) try(ctx context.Context, n int, dir string, scenes []*scene, report *Report) error {
	rng := rand.New(rand.NewPCG(c.Seed, streamTries|uint64(n)))
	s := scenes[rng.IntN(len(scenes))]
	t := &try{
		number: n,
		place:  place{dir: filepath.Join(dir, fmt.Sprintf("try-%d", n)), settings: s.settings, cold: s.cold},
		scene:  s,
		moment: rng.IntN(len(s.moments)),
		rng:    rng,
	}
	if err := t.run(ctx); err != nil {
		return err
	}
	report.add(t)
	if c.Keep && len(t.findings) > 0 {
		return nil
	}
	return os.RemoveAll(t.dir)
}
