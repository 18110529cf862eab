package records

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// WatchCmd prints every event of several topics.
type WatchCmd struct {
	Names  []string `arg:"" name:"topic" completion:"topic" help:"Topics to watch; a final * stands for all that begin with what is before it, those made later included."`
	From   *uint64  `placeholder:"SEQ" help:"Begin after this seq of each topic; 0 means with all records (default: at the end)."`
	Synced bool     `help:"Only records that are synced to disk."`
	Limit  uint64   `placeholder:"N" help:"Stop after this many records; 0 means no limit." default:"0"`
	Filter
	remote.Flags
}

// Help is printed below the flags.
func (WatchCmd) Help() string {
	return `Prints a JSON line for each event: record, tombstone, caught_up, topic_deleted.

Examples:
  topics watch orders 'audit:*'
  topics watch orders --from 0 --limit 2`
}

// Run watches until it is interrupted, which is no error.
func (c *WatchCmd) Run(ctx context.Context) error {
	err := c.Flags.Run(ctx, "watch", func(server *remote.Connection) error { return c.watch(ctx, server) })
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *WatchCmd) watch(ctx context.Context, server *remote.Connection) error {
	out := bufio.NewWriter(os.Stdout)
	printed := uint64(0)
	for event, err := range server.Watch(ctx, c.request()) {
		if err != nil {
			return err
		}
		server.Outage.Over()
		if records, ok := event.(client.Records); ok {
			for i := range records.Records {
				r := &records.Records[i]
				if !c.passes(r) {
					continue
				}
				fmt.Fprintf(out, `{"event":"record","topic":%q,"record":`, records.Topic)
				if err := WriteLine(out, append(r.Raw, '}')); err != nil {
					return err
				}
				if printed++; printed == c.Limit {
					return out.Flush()
				}
			}
		} else if err := writeEvent(out, event); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// request returns what to watch.
func (c *WatchCmd) request() client.Watch {
	w := client.Watch{
		Topics: map[string]client.Start{}, Prefixes: map[string]client.Start{},
		IncludeTags: true, Match: c.match(), Nodes: c.NotNode, Synced: c.Synced,
	}
	start := client.Start{Tail: true}
	if c.From != nil {
		start = client.Start{From: *c.From}
	}
	for _, name := range c.Names {
		if p, several := prefix(name); several {
			w.Prefixes[p] = start
		} else {
			w.Topics[name] = start
		}
	}
	return w
}

// writeEvent writes an event other than records.
func writeEvent(out *bufio.Writer, event client.Event) error {
	name := ""
	switch event.(type) {
	case client.Tombstone:
		name = "tombstone"
	case client.CaughtUp:
		name = "caught_up"
	case client.TopicDeleted:
		name = "topic_deleted"
	}
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "{\"event\":%q,%s\n", name, body[1:])
	return err
}
