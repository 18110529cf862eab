package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// LsCmd lists topics.
type LsCmd struct {
	Prefix string `arg:"" optional:"" completion:"topic" help:"Only topics whose names begin with this."`
	Quiet  bool   `short:"q" help:"Print only names."`
	JSON   bool   `name:"json" help:"Print JSON lines."`
	remote.Flags
}

// Help is printed below the flags.
func (LsCmd) Help() string {
	return "Examples:\n  topics ls\n  topics ls ord --json"
}

// Run prints a line for each topic.
func (c *LsCmd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "ls", func(server *remote.Connection) error {
		t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		lines := 0
		for topic, err := range server.Topics(ctx, strings.TrimSuffix(c.Prefix, "*")) {
			if err != nil {
				return err
			}
			if lines == 0 && !c.JSON && !c.Quiet {
				fmt.Fprintln(t, "TOPIC\tTYPE\tCLASS\tRECORDS\tBYTES\tHEAD")
			}
			lines++
			switch {
			case c.Quiet:
				fmt.Fprintln(t, topic.Topic)
			case c.JSON:
				line, err := json.Marshal(topic)
				if err != nil {
					return err
				}
				fmt.Fprintf(t, "%s\n", line)
			default:
				fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%d\n", topic.Topic, topic.Type, topic.Durability, topic.Count, terminal.Bytes(topic.Bytes), topic.HeadSeq)
			}
		}
		if lines == 0 && !c.JSON && !c.Quiet {
			fmt.Fprintln(os.Stderr, c.none())
		}
		return t.Flush()
	})
}

// none returns what to say if there is no topic.
func (c *LsCmd) none() string {
	if c.Prefix != "" {
		return fmt.Sprintf("no topic begins with %q", c.Prefix)
	}
	return "no topics; the first write makes one: topics put NAME '{\"a\":1}'"
}
