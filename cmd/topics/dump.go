package main

import (
	"context"
	"os"

	"github.com/e6e95bb8/topics/recovery/inspect"
)

// dumpCmd prints the contents of a data directory as JSON lines.
type dumpCmd struct {
	dataDir
	Topic    string `help:"Print only this topic."`
	State    bool   `help:"Print the topics of the newest checkpoint."`
	Segments bool   `help:"Print the records in segments."`
	Frames   bool   `help:"Print the frames of the log, with their records."`
}

// Help is printed below the flags.
func (dumpCmd) Help() string {
	return "Examples:\n  topics dump --dir topics-data --state\n  topics dump --dir topics-data --topic orders"
}

// Run prints the selected parts, or everything if none is selected.
func (c *dumpCmd) Run(ctx context.Context) error {
	d, err := c.open()
	if err != nil {
		return err
	}
	what := inspect.What{State: c.State, Segments: c.Segments, Frames: c.Frames, Topic: c.Topic}
	if !c.State && !c.Segments && !c.Frames {
		what.State, what.Segments, what.Frames = true, true, true
	}
	if err := inspect.Dump(ctx, d, what, os.Stdout); err != nil {
		return unreadable{err}
	}
	return nil
}
