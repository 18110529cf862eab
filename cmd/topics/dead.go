package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/records"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// deadCmd prints a queue's dead letters as JSON lines, puts them back into the
// queue, or deletes them.
type deadCmd struct {
	Queue  string   `arg:"" completion:"topic" help:"Queue whose dead letters are meant."`
	Replay []string `placeholder:"SEQ|all" help:"Put these dead letters back into the queue, as new jobs at its end." xor:"what"`
	Purge  []string `placeholder:"SEQ|all" help:"Delete these dead letters for good." xor:"what"`
	DryRun bool     `help:"Print how many --replay or --purge means, and change nothing."`
	Match  string   `placeholder:"PATTERN" help:"Only those whose tag is this, or begins with what stands before a final *."`
	Reason string   `help:"Only those that died for this reason: max_deliveries, rejected, or what a worker gave."`
	Limit  int      `short:"n" help:"At most so many; 0 means no limit." default:"0"`
	Rate   int      `help:"Put back at most so many per second; 0 means no limit." default:"0"`
	remote.Flags
}

// Validate is called by kong.
func (c *deadCmd) Validate() error {
	if c.Limit < 0 || c.Rate < 0 {
		return errors.New("--limit and --rate must not be negative")
	}
	for _, list := range [][]string{c.Replay, c.Purge} {
		if _, _, err := selection(list); err != nil {
			return err
		}
	}
	seqs, _, _ := selection(c.Purge)
	if c.DryRun && len(c.Replay) == 0 && (len(c.Purge) == 0 || len(seqs) > 0) {
		return errors.New("--dry-run is for --replay and for --purge all")
	}
	if len(seqs) > 0 && (c.Match != "" || c.Reason != "" || c.Limit > 0) {
		return errors.New("--purge with seqs takes no --match, --reason or --limit")
	}
	return nil
}

// selection returns the seqs of a list, or that it is all.
func selection(list []string) (seqs []uint64, all bool, err error) {
	if len(list) == 1 && list[0] == "all" {
		return nil, true, nil
	}
	for _, text := range list {
		seq, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, false, fmt.Errorf("%q is neither a seq nor all", text)
		}
		seqs = append(seqs, seq)
	}
	return seqs, false, nil
}

// filter returns which dead letters are meant.
func (c *deadCmd) filter() client.DeadFilter {
	return client.DeadFilter{Reason: c.Reason, Match: records.Match(c.Match)}
}

// Help is printed below the flags.
func (deadCmd) Help() string {
	return "Examples:\n  topics dead mail\n  topics dead mail --replay all --dry-run\n  topics dead mail --replay all\n  topics dead mail --purge all --match 'order-*'"
}

// Run prints to standard output.
func (c *deadCmd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "dead", func(server *remote.Connection) error {
		out := bufio.NewWriter(os.Stdout)
		return errors.Join(c.run(ctx, server.Client, out), out.Flush())
	})
}

func (c *deadCmd) run(ctx context.Context, api *client.Client, out *bufio.Writer) error {
	replay, _, _ := selection(c.Replay) // Validate has looked at the error
	purge, _, _ := selection(c.Purge)
	switch {
	case len(c.Replay) > 0:
		do := api.ReplayDead
		if c.DryRun {
			do = api.PreviewReplay
		}
		done, err := do(ctx, c.Queue, client.Redrive{Seqs: replay, Filter: c.filter(), Limit: c.Limit, Rate: c.Rate})
		return c.printDone(out, "replayed", done, err)
	case len(purge) > 0:
		for _, seq := range purge {
			if err := api.DeleteDead(ctx, c.Queue, seq); err != nil {
				return fmt.Errorf("dead letter %d: %w", seq, err)
			}
		}
		return json.NewEncoder(out).Encode(map[string]any{"purged": len(purge)})
	case len(c.Purge) > 0:
		do := api.PurgeDead
		if c.DryRun {
			do = api.PreviewPurge
		}
		done, err := do(ctx, c.Queue, c.filter(), c.Limit)
		return c.printDone(out, "purged", done, err)
	}
	printed := 0
	for letter, err := range api.DeadLetters(ctx, c.Queue, c.filter()) {
		if err != nil {
			return err
		}
		if err := records.WriteLine(out, letter.Raw); err != nil {
			return err
		}
		if printed++; printed == c.Limit {
			return nil
		}
	}
	return nil
}

// printDone prints what became of dead letters, or would. Those that stay are an
// error.
func (c *deadCmd) printDone(out *bufio.Writer, verb string, done client.DeadDone, err error) error {
	if err != nil {
		return err
	}
	if c.DryRun {
		verb = "would be " + verb
	}
	err = json.NewEncoder(out).Encode(map[string]any{verb: done.Count, "skipped": done.Reasons, "left": done.Left})
	if err == nil && len(done.Skipped) > 0 {
		err = errors.New("some dead letters stay")
	}
	return err
}
