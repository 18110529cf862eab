package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// LsCmd lists topics.
type LsCmd struct {
	Prefix   string `arg:"" optional:"" completion:"topic" help:"Only topics whose names begin with this."`
	Contains string `placeholder:"TEXT" help:"Only topics whose names have this in them."`
	Type     string `enum:",log,queue" default:"" placeholder:"TYPE" help:"Only logs, or only queues: log or queue."`
	Class    string `enum:",ephemeral,memory,disk,fsync" default:"" placeholder:"CLASS" help:"Only topics of this durability: ephemeral, memory, disk or fsync."`
	Sort     string `enum:"name,bytes,records,write_rate,last_write" default:"name" help:"What the list is sorted by: ${enum}. Names begin with the least, all else with the greatest."`
	Reverse  bool   `short:"r" help:"Sort the other way round."`
	Limit    int    `short:"n" default:"0" help:"Stop after this many topics; 0 means no limit."`
	Quiet    bool   `short:"q" help:"Print only names."`
	JSON     bool   `name:"json" help:"Print JSON lines."`
	remote.Flags
}

// Help is printed below the flags.
func (LsCmd) Help() string {
	return `Examples:
  topics ls
  topics ls ord --json
  topics ls --sort bytes -n 10
  topics ls --contains er --type log --class disk --sort last_write`
}

// Validate is called by kong.
func (c *LsCmd) Validate() error {
	if c.Limit < 0 {
		return errors.New("--limit must be 0 or more")
	}
	return nil
}

// Run prints a line for each topic.
func (c *LsCmd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "ls", func(server *remote.Connection) error {
		t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		columns := c.columns()
		lines := 0
		for topic, err := range server.FindTopics(ctx, c.filter()) {
			if err != nil {
				return err
			}
			if lines == 0 && !c.JSON && !c.Quiet {
				fmt.Fprintln(t, strings.Join(columns, "\t"))
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
				fmt.Fprintln(t, strings.Join(cells(&topic, columns), "\t"))
			}
		}
		if lines == 0 && !c.JSON && !c.Quiet {
			fmt.Fprintln(os.Stderr, c.none())
		}
		return t.Flush()
	})
}

func (c *LsCmd) filter() client.TopicFilter {
	f := client.TopicFilter{
		Prefix: strings.TrimSuffix(c.Prefix, "*"), Contains: c.Contains,
		Type: c.Type, Class: c.Class, Sort: c.Sort, Limit: c.Limit,
	}
	switch {
	case c.Reverse && c.Sort == "name":
		f.Order = "desc"
	case c.Reverse:
		f.Order = "asc"
	}
	return f
}

// columns returns the headings of the table, which shows what it is sorted by.
func (c *LsCmd) columns() []string {
	columns := []string{"TOPIC", "TYPE", "CLASS", "RECORDS", "BYTES", "HEAD"}
	switch c.Sort {
	case "write_rate":
		columns = append(columns, "WRITES/S")
	case "last_write":
		columns = append(columns, "LAST WRITE")
	}
	return columns
}

// cells returns a topic's line of the table.
func cells(topic *client.Listed, columns []string) []string {
	line := make([]string, len(columns))
	for i, column := range columns {
		switch column {
		case "TOPIC":
			line[i] = topic.Topic
		case "TYPE":
			line[i] = topic.Type
		case "CLASS":
			line[i] = topic.Durability
		case "RECORDS":
			line[i] = strconv.FormatInt(topic.Count, 10)
		case "BYTES":
			line[i] = terminal.Bytes(topic.Bytes)
		case "HEAD":
			line[i] = strconv.FormatUint(topic.HeadSeq, 10)
		case "WRITES/S":
			line[i] = strconv.FormatFloat(topic.WriteRate, 'f', 1, 64)
		case "LAST WRITE":
			line[i] = lastWrite(topic)
		}
	}
	return line
}

// lastWrite returns when a topic was last written to.
func lastWrite(topic *client.Listed) string {
	if topic.LastWriteTS == nil {
		return "never"
	}
	return time.UnixMilli(*topic.LastWriteTS).Format(time.RFC3339)
}

// none returns what to say if there is no topic.
func (c *LsCmd) none() string {
	switch {
	case c.Contains != "" || c.Type != "" || c.Class != "":
		return "no topic matches"
	case c.Prefix != "":
		return fmt.Sprintf("no topic begins with %q", c.Prefix)
	}
	return "no topics; the first write makes one: topics put NAME '{\"a\":1}'"
}
