package records

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// TailCmd prints the last records of a topic, or of all topics with a prefix,
// and follows them.
type TailCmd struct {
	Name   string  `arg:"" name:"topic" completion:"topic" help:"Topic to read, or the topics whose names begin with what stands before a final *."`
	Last   *int    `short:"n" name:"lines" placeholder:"N" help:"How many of the last records to print, of each topic (default: 10); 0 means only new ones." xor:"start"`
	From   *uint64 `placeholder:"SEQ" help:"Print the records after this seq instead; 0 means all." xor:"start"`
	Since  string  `placeholder:"TIME" help:"Print the records from a time on instead: 90s, 1h, 7d, or an RFC 3339 time." xor:"start"`
	Follow bool    `short:"f" help:"Wait for more records at the end, even if the server restarts."`
	Poll   bool    `help:"Follow by polling instead of over a stream; for one topic."`
	Limit  uint64  `placeholder:"N" help:"Stop after this many records; 0 means no limit." default:"0"`
	Filter
	Form
	remote.Flags
}

// Help is printed below the flags.
func (TailCmd) Help() string {
	return `Records are printed to standard output, and what was lost to standard error.

Examples:
  topics tail orders
  topics tail orders -n 1 --pretty
  topics tail 'ord*' --since 1h --tag 'order-*'
  topics tail orders --from 0 --format '{seq} {tag}\n'
  topics tail orders --from 0 | topics load --append --topic copy
  topics tail orders -f`
}

// Validate is called by kong.
func (c *TailCmd) Validate() error {
	if c.Last != nil && (*c.Last < 0 || *c.Last > 100_000) {
		return errors.New("-n must be 0 to 100000; --from 0 prints all records")
	}
	if _, several := prefix(c.Name); several && c.Poll {
		return errors.New("--poll follows one topic: leave it out, or name one topic")
	}
	_, err := since(c.Since, time.Now())
	return errors.Join(err, c.Form.Validate())
}

// prefix returns the prefix that a name with a final star stands for.
func prefix(name string) (string, bool) { return strings.CutSuffix(name, "*") }

// Run prints until the end, or, following, until it is interrupted.
func (c *TailCmd) Run(ctx context.Context) error {
	err := c.Flags.Run(ctx, "tail", func(server *remote.Connection) error {
		_, several := prefix(c.Name)
		t := &tail{TailCmd: c, server: server, lines: defaultLines, print: c.printer(os.Stdout, os.Stderr, several), cursors: map[string]uint64{}}
		if c.Last != nil {
			t.lines = *c.Last
		}
		err := t.run(ctx)
		if errors.Is(err, errEnough) {
			err = nil
		}
		return errors.Join(err, t.print.out.Flush())
	})
	if ctx.Err() == nil {
		return err
	}
	if c.Follow {
		return nil // following ends only by being interrupted
	}
	return ctx.Err() // not all records were printed
}

// defaultLines is how many of the last records are printed by default.
const defaultLines = 10

// errEnough ends a tail that has printed --limit records.
var errEnough = errors.New("enough records")

// tail is one run.
type tail struct {
	*TailCmd
	server  *remote.Connection
	lines   int // how many of the last records
	print   *printer
	cursors map[string]uint64 // how far each topic is printed
	printed uint64
}

func (t *tail) run(ctx context.Context) error {
	names, err := t.names(ctx)
	if err != nil {
		return err
	}
	if err := t.begin(ctx, names); err != nil {
		return err
	}
	if t.Follow {
		if err := t.print.out.Flush(); err != nil {
			return err
		}
		return t.take(t.events(ctx))
	}
	if t.From == nil && t.Since == "" {
		return nil
	}
	for _, name := range names {
		if err := t.take(t.server.Follow(ctx, name, t.query(t.cursors[name]))); err != nil {
			return err
		}
	}
	return nil
}

// names returns the topics.
func (t *tail) names(ctx context.Context) ([]string, error) {
	start, several := prefix(t.Name)
	if !several {
		return []string{t.Name}, nil
	}
	var names []string
	for listed, err := range t.server.Topics(ctx, start) {
		if err != nil {
			return nil, err
		}
		names = append(names, listed.Topic)
	}
	if len(names) == 0 && !t.Follow {
		return nil, remote.Advised(fmt.Errorf("no topic begins with %q", start), "topics ls lists the topics that there are; -f waits for one.")
	}
	return names, nil
}

// begin sets the cursors, and prints the last records if they are wanted.
func (t *tail) begin(ctx context.Context, names []string) error {
	from, err := since(t.Since, time.Now())
	if err != nil {
		return err
	}
	var last []found
	for _, name := range names {
		switch {
		case t.From != nil:
			t.cursors[name] = *t.From
		case t.Since != "":
			if t.cursors[name], err = seek(ctx, t.server.Client, name, from); err != nil {
				return err
			}
		default:
			records, err := t.last(ctx, name)
			if err != nil {
				return err
			}
			last = append(last, records...)
		}
	}
	slices.SortStableFunc(last, func(a, b found) int { return int(a.record.TS - b.record.TS) })
	for _, f := range last {
		if err := t.record(f.topic, &f.record); err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) query(from uint64) client.Query {
	return client.Query{From: from, IncludeTags: true, Match: t.match(), Nodes: t.NotNode}
}

// events returns the events after the cursors.
func (t *tail) events(ctx context.Context) iter.Seq2[client.Event, error] {
	start, several := prefix(t.Name)
	if t.Poll {
		return t.server.Follow(ctx, t.Name, t.query(t.cursors[t.Name]))
	}
	w := client.Watch{Topics: map[string]client.Start{}, IncludeTags: true, Match: t.match(), Nodes: t.NotNode}
	for name, cursor := range t.cursors {
		w.Topics[name] = client.Start{From: cursor}
	}
	if several {
		w.Prefixes = map[string]client.Start{start: {}} // those that are made from now on
	}
	return t.server.Watch(ctx, w)
}

// take prints events, up to the end of the topic unless it follows. It flushes
// before every wait.
func (t *tail) take(events iter.Seq2[client.Event, error]) error {
	for event, err := range events {
		if err != nil {
			return err
		}
		t.server.Outage.Over()
		switch event := event.(type) {
		case client.Records:
			for i := range event.Records {
				if err := t.record(event.Topic, &event.Records[i]); err != nil {
					return err
				}
			}
		case client.CaughtUp:
			if !t.Follow {
				return nil
			}
			if err := t.print.out.Flush(); err != nil {
				return err
			}
		default:
			if err := t.print.loss(event); err != nil {
				return err
			}
		}
	}
	return nil
}

// record prints a record that passes the filter.
func (t *tail) record(topic string, r *client.Record) error {
	if !t.passes(r) {
		return nil
	}
	if err := t.print.record(topic, r); err != nil {
		return err
	}
	if t.printed++; t.printed == t.Limit {
		return errEnough
	}
	return nil
}
