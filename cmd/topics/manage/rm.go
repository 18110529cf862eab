package manage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// RmCmd deletes topics.
type RmCmd struct {
	Topics  []string `arg:"" name:"topic" completion:"topic" help:"Topics to delete, with their records and the routers that name them."`
	Yes     bool     `short:"y" help:"Do not ask."`
	IfEmpty bool     `help:"Only if the topic has no records."`
	DryRun  bool     `help:"Print what would go, and delete nothing."`
	remote.Flags
}

// Help is printed below the flags.
func (RmCmd) Help() string {
	return `Asks first if the topic has records and this is a terminal; elsewhere it needs --yes.

Examples:
  topics set scratch ttl=1h --create
  topics rm scratch --dry-run
  topics rm scratch
  topics rm notes --yes`
}

// Run deletes one topic after the other.
func (c *RmCmd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "rm", func(server *remote.Connection) error {
		for _, topic := range c.Topics {
			if err := c.remove(ctx, server.Client, topic); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *RmCmd) remove(ctx context.Context, api *client.Client, topic string) error {
	state, err := api.State(ctx, topic)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.preview(ctx, api, topic)
	}
	if state.Count > 0 && !c.Yes && !c.IfEmpty {
		if err := confirm(topic, state.Count); err != nil {
			return err
		}
	}
	if _, err := api.DeleteTopic(ctx, topic, c.IfEmpty); err != nil {
		return err
	}
	_, err = fmt.Printf("%s: deleted; records: %d\n", topic, state.Count)
	return err
}

// preview prints what would go with a topic.
func (c *RmCmd) preview(ctx context.Context, api *client.Client, topic string) error {
	would, err := api.PreviewDelete(ctx, topic, c.IfEmpty)
	if err != nil {
		return err
	}
	routers := ""
	if len(would.RoutersRemoved) > 0 {
		routers = "; routers: " + strings.Join(would.RoutersRemoved, ", ")
	}
	_, err = fmt.Printf("%s: would be deleted; records: %d%s\n", topic, would.Count, routers)
	return err
}

// confirm asks whether a topic may be deleted.
func confirm(topic string, records int64) error {
	if !terminal.Is(os.Stdin) {
		return remote.Advised(fmt.Errorf("%s is not deleted: it has records (%d)", topic, records), "--yes deletes it with its records, --if-empty only if there are none.")
	}
	fmt.Fprintf(os.Stderr, "Delete %s with its %d records? [y/N] ", topic, records)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); err == nil && (answer == "y" || answer == "yes") {
		return nil
	}
	return errors.New(topic + " is not deleted")
}
