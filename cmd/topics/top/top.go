// Package top shows what a server is doing, again and again.
package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// Cmd is the command.
type Cmd struct {
	Interval time.Duration `default:"1s" help:"Time between two readings."`
	Count    int           `short:"n" default:"0" help:"Stop after this many readings; 0 means no limit."`
	JSON     bool          `name:"json" help:"Print JSON lines."`
	remote.Flags
}

// Help is printed below the flags.
func (Cmd) Help() string {
	return `On a terminal it is a screen that is drawn again; elsewhere each reading is a line. The server puts its
figures together once a second; some of them, and the list of the busiest topics, are up to five seconds old.
The key needs the scope admin-read, and read for the list.

Examples:
  topics top
  topics top -n 2 --interval 200ms --json`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if c.Interval < 100*time.Millisecond {
		return errors.New("--interval must be at least 100ms")
	}
	return nil
}

// Run shows readings until it is interrupted, which is no error.
func (c *Cmd) Run(ctx context.Context) error {
	target, err := c.OperatorTarget()
	if err != nil {
		return err
	}
	server, err := target.Connect(ctx, "top", c.Wait)
	if err != nil {
		return err
	}
	defer server.Close()
	err = c.show(ctx, server, os.Stdout)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *Cmd) show(ctx context.Context, server *remote.Connection, out io.Writer) error {
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	live := terminal.Is(out) && !c.JSON
	from := source{api: server.Client}
	var made readings
	for n := 1; ; n++ {
		now, err := from.next(ctx)
		if err != nil {
			return err
		}
		server.Outage.Over()
		r := made.of(&now)
		switch {
		case c.JSON:
			err = json.NewEncoder(out).Encode(r)
		case live:
			err = r.screen(out, server.URL)
		default:
			_, err = fmt.Fprintln(out, r.line())
		}
		if err != nil || n == c.Count {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
