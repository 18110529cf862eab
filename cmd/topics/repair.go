package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/e6e95bb8/topics/recovery/repair"
)

// repairCmd repairs a damaged data directory.
type repairCmd struct {
	dataDir
	JSON bool `help:"Print the report as JSON." name:"json"`
}

// Help is printed below the flags.
func (repairCmd) Help() string {
	return "The server must be stopped.\n\nExamples:\n  topics repair --dir restored"
}

// Run repairs the directory and prints what was lost.
func (c *repairCmd) Run(ctx context.Context) error {
	d, err := c.open()
	if err != nil {
		return err
	}
	stop := c.disk.Show(os.Stderr, "repair", 0)
	report, err := repair.Run(ctx, d, repair.Options{})
	stop()
	if err != nil {
		return unreadable{err}
	}
	return c.print(os.Stdout, report)
}

func (c *repairCmd) print(w io.Writer, r *repair.Report) error {
	if c.JSON {
		return printJSON(w, r)
	}
	if !r.Changed {
		_, err := fmt.Fprintf(w, "%s is sound; nothing was changed\n", r.Dir)
		return err
	}
	for _, f := range r.Faults {
		fmt.Fprintln(w, "found:", f)
	}
	for _, name := range r.Files {
		fmt.Fprintln(w, "copied to the quarantine:", name)
	}
	for _, l := range r.Lost {
		fmt.Fprintf(w, "lost: topic %s, seqs %d to %d\n", l.Topic, l.From, l.To)
	}
	if r.Recovered > 0 {
		fmt.Fprintf(w, "topics that lost their name and config: %d\n", r.Recovered)
	}
	_, err := fmt.Fprintf(w, "repaired: faults %d, lost ranges %d, quarantine %s\n", len(r.Faults), len(r.Lost), r.Quarantine)
	return err
}
