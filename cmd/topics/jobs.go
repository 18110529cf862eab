package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// jobsCmd prints a queue's jobs as JSON lines.
type jobsCmd struct {
	Queue   string   `arg:"" completion:"topic" help:"Queue to look at."`
	State   []string `enum:"ready,blocked,delayed,in_flight" default:"in_flight,ready,blocked,delayed" help:"Print only the jobs in these states: ${enum}."`
	Limit   uint64   `short:"n" help:"Stop after this many jobs; 0 means no limit." default:"0"`
	Counts  bool     `help:"Print only how many jobs are in each state." xor:"what"`
	Promote []uint64 `placeholder:"SEQ" help:"Make these delayed jobs due now." xor:"what"`
	Release []uint64 `placeholder:"SEQ" help:"Take these jobs away from who holds them. Their deliveries do not count." xor:"what"`
	remote.Flags
}

// Help is printed below the flags.
func (jobsCmd) Help() string {
	return "Examples:\n  topics jobs mail\n  topics jobs mail --counts\n  topics jobs mail --state ready -n 5"
}

// Run prints to standard output.
func (c *jobsCmd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "jobs", func(server *remote.Connection) error {
		out := bufio.NewWriter(os.Stdout)
		return errors.Join(c.run(ctx, server.Client, json.NewEncoder(out)), out.Flush())
	})
}

func (c *jobsCmd) run(ctx context.Context, api *client.Client, out *json.Encoder) error {
	switch {
	case c.Counts:
		state, err := api.State(ctx, c.Queue)
		if err != nil {
			return err
		}
		if state.Queue == nil {
			return errors.New("topic " + c.Queue + " is not a queue")
		}
		return out.Encode(state.Queue)
	case len(c.Promote) > 0:
		return printSettled(out, "promoted")(api.Promote(ctx, c.Queue, c.Promote...))
	case len(c.Release) > 0:
		return printSettled(out, "released")(api.Release(ctx, c.Queue, c.Release...))
	}
	printed := uint64(0)
	for _, state := range c.State {
		for job, err := range api.Jobs(ctx, c.Queue, state) {
			if err != nil {
				return err
			}
			if err := out.Encode(job); err != nil {
				return err
			}
			if printed++; printed == c.Limit {
				return nil
			}
		}
	}
	return nil
}

// printSettled returns a function that prints what a call did. Jobs that were
// skipped are an error.
func printSettled(out *json.Encoder, done string) func(*client.Settled, error) error {
	return func(s *client.Settled, err error) error {
		if err != nil {
			return err
		}
		if err := out.Encode(map[string]any{done: s.Done, "skipped": s.Reasons}); err != nil {
			return err
		}
		if len(s.Skipped) > 0 {
			return errors.New("some jobs were skipped")
		}
		return nil
	}
}
