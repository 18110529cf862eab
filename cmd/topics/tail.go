package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"os"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// tailCmd prints a topic's records as JSON lines, as the server delivers them.
type tailCmd struct {
	Topic        string `arg:"" help:"Topic to read."`
	From         uint64 `help:"Print the records after this seq; 0 means from the beginning." xor:"start"`
	Tail         bool   `help:"Start at the end: print only new records." xor:"start"`
	Follow       bool   `short:"f" help:"Wait for more records at the end, even if the server restarts."`
	Poll         bool   `help:"Follow by polling instead of over a stream."`
	Limit        uint64 `short:"n" help:"Stop after this many records; 0 means no limit." default:"0"`
	remote.Flags `embed:""`
}

// Run prints records to standard output, and losses to standard error.
func (c *tailCmd) Run(ctx context.Context) error {
	notice := &remote.Outage{W: os.Stderr, Command: "tail"}
	api, err := c.Client(notice.Failed)
	if err != nil {
		return err
	}
	defer api.Close()
	out := bufio.NewWriter(os.Stdout)
	err = c.print(ctx, api, out, os.Stderr, notice)
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if ctx.Err() == nil {
		return err
	}
	if c.Follow {
		return nil // following ends only by being interrupted
	}
	return ctx.Err() // not all records were printed
}

// events returns the events of the topic. Without --follow the topic is read
// page by page, which needs no session at the server.
func (c *tailCmd) events(ctx context.Context, api *client.Client) (iter.Seq2[client.Event, error], error) {
	if c.Follow && !c.Poll {
		return api.Watch(ctx, client.Watch{
			Topics:      map[string]client.Start{c.Topic: {From: c.From, Tail: c.Tail}},
			IncludeTags: true,
		}), nil
	}
	q := client.Query{From: c.From, IncludeTags: true}
	if c.Tail {
		state, err := api.State(ctx, c.Topic)
		if err != nil {
			return nil, err
		}
		q.From = state.HeadSeq
	}
	return api.Follow(ctx, c.Topic, q), nil
}

// print writes records to out, and tombstones and deletions to lost. It flushes
// out before every wait.
func (c *tailCmd) print(
	ctx context.Context, api *client.Client, out *bufio.Writer, lost io.Writer, notice *remote.Outage,
) error {
	events, err := c.events(ctx, api)
	if err != nil {
		return err
	}
	printed := uint64(0)
	for event, err := range events {
		if err != nil {
			return err
		}
		notice.Over()
		switch event := event.(type) {
		case client.Tombstone:
			event.Topic = "" // there is only one
			err = json.NewEncoder(lost).Encode(map[string]any{"tombstone": event})
		case client.TopicDeleted:
			err = json.NewEncoder(lost).Encode(map[string]any{"topic_deleted": event})
		case client.Records:
			for i := range event.Records {
				err = printRecord(out, event.Records[i].Raw)
				if printed++; err != nil || c.Limit > 0 && printed == c.Limit {
					return err
				}
			}
		case client.CaughtUp:
			if !c.Follow {
				return nil
			}
			err = out.Flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// printRecord writes a record as one line. A verbatim payload may have line
// ends between its tokens, but not inside strings, so they are replaced by
// spaces.
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
