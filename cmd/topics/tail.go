package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// tailCmd prints a topic's records as JSON lines, as the server delivers them.
type tailCmd struct {
	Topic  string        `arg:"" help:"Topic to read."`
	From   uint64        `help:"Print the records after this seq; 0 is from the beginning." default:"0" xor:"start"`
	Tail   bool          `help:"Begin at the end: print only what is written from now on." xor:"start"`
	Follow bool          `short:"f" help:"Wait for more at the end, across restarts of the server."`
	Limit  uint64        `short:"n" help:"Stop after this many records; 0 is no limit." default:"0"`
	URL    string        `help:"Address of the server." default:"http://127.0.0.1:4000"`
	Wait   time.Duration `help:"How long to wait for a server that does not answer or is not ready." default:"60s"`
}

// Run prints to standard output; losses go to standard error.
func (c *tailCmd) Run(ctx context.Context) error {
	api, err := client.New(c.URL, client.Options{RetryFor: c.Wait})
	if err != nil {
		return err
	}
	defer api.Close()
	out := bufio.NewWriter(os.Stdout)
	err = c.print(ctx, api, out, os.Stderr)
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if ctx.Err() != nil {
		return nil // being stopped is how following ends
	}
	return err
}

// print writes records to out and tombstones to lost. What is written is
// flushed before every wait.
func (c *tailCmd) print(ctx context.Context, api *client.Client, out *bufio.Writer, lost io.Writer) error {
	q := client.Query{From: c.From, IncludeTags: true}
	if c.Tail {
		state, err := api.State(ctx, c.Topic)
		if err != nil {
			return err
		}
		q.From = state.HeadSeq
	}
	printed := uint64(0)
	for event, err := range api.Follow(ctx, c.Topic, q) {
		switch {
		case err != nil:
			return err
		case event.Tombstone != nil:
			err = json.NewEncoder(lost).Encode(map[string]any{"tombstone": event.Tombstone})
		case event.Record != nil:
			err = printRecord(out, event.Record.Raw)
			printed++
		case !c.Follow:
			return nil // caught up
		default:
			err = out.Flush()
		}
		if err != nil || c.Limit > 0 && printed == c.Limit {
			return err
		}
	}
	return nil
}

// printRecord writes a record as one line. A verbatim payload may have line
// ends between its tokens (inside strings JSON does not allow them): they
// become spaces.
func printRecord(out *bufio.Writer, raw []byte) error {
	if bytes.ContainsAny(raw, "\r\n") {
		raw = bytes.Map(func(r rune) rune {
			if r == '\n' || r == '\r' {
				return ' '
			}
			return r
		}, raw)
	}
	if _, err := out.Write(raw); err != nil {
		return err
	}
	return out.WriteByte('\n')
}
