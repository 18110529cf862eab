package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// InfoCmd shows a topic.
type InfoCmd struct {
	Topic string `arg:"" completion:"topic" help:"Topic to show."`
	JSON  bool   `name:"json" help:"Print JSON."`
	remote.Flags
}

// Help is printed below the flags.
func (InfoCmd) Help() string {
	return "Examples:\n  topics info orders\n  topics info orders --json"
}

// Run prints the topic's state and config, and the routers that name it.
func (c *InfoCmd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "info", func(server *remote.Connection) error {
		state, err := server.State(ctx, c.Topic)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(os.Stdout).Encode(state)
		}
		t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		row := func(name string, value any) { fmt.Fprintf(t, "%s\t%v\n", name, value) }
		row("topic", state.Topic)
		row("type", state.Type)
		row("records", state.Count)
		row("bytes", terminal.Bytes(state.Bytes))
		row("seqs", fmt.Sprintf("%d to %d", state.EarliestSeq, state.HeadSeq))
		row("last write", ago(state.LastWriteTS))
		row("last read", ago(state.LastReadTS))
		if q := state.Queue; q != nil {
			row("jobs", fmt.Sprintf("%d ready, %d in flight, %d delayed, %d blocked, %d dead-lettered", q.Ready, q.InFlight, q.Delayed, q.Blocked, q.DeadLettered))
		}
		for _, f := range []struct {
			name   string
			filter client.RouterFilter
		}{{"from", client.RouterFilter{Dest: c.Topic}}, {"to", client.RouterFilter{Source: c.Topic}}} {
			for r, err := range server.Routers(ctx, f.filter) {
				if err != nil {
					return err
				}
				row("router "+f.name, describe(&r))
			}
		}
		settings, err := settingsOf(state.Config)
		if err != nil {
			return err
		}
		for _, s := range settings {
			row(s.name, s.value)
		}
		return t.Flush()
	})
}

// ago returns how long ago a time in Unix ms was.
func ago(ms *int64) string {
	if ms == nil {
		return "never"
	}
	at := time.UnixMilli(*ms)
	return fmt.Sprintf("%s ago, %s", time.Since(at).Round(time.Second), at.UTC().Format(time.RFC3339))
}

// describe returns a router in a line.
func describe(r *client.RouterState) string {
	words := []string{r.Name + ":", r.Source, "to", r.Dest}
	if len(r.Filter) == 3 {
		words = append(words, "where tag is", r.Filter[2])
	}
	words = append(words, fmt.Sprintf("(%d forwarded, %d behind)", r.Forwarded, r.Lag))
	if r.Blocked != "" {
		words = append(words, "blocked:", r.Blocked)
	}
	return strings.Join(words, " ")
}
