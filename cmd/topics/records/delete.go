package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// DeleteCmd deletes records of a topic for good.
type DeleteCmd struct {
	Topic  string  `arg:"" completion:"topic" help:"Topic whose records are meant."`
	Tag    string  `placeholder:"TAG|PREFIX*" help:"Records with this tag, or whose tag begins with what stands before a final *."`
	Before *uint64 `placeholder:"SEQ" help:"Records with a lower seq; with --tag, those that are both."`
	DryRun bool    `help:"Print how many records would go, and delete nothing."`
	JSON   bool    `name:"json" help:"Print the answer as JSON."`
	remote.Flags
}

// Help is printed below the flags.
func (DeleteCmd) Help() string {
	return `Records that are deleted are gone at once and for good. topics rm deletes a whole topic.

Examples:
  topics delete orders --tag 'order-77*' --dry-run
  topics delete orders --tag order-7731
  topics delete orders --before 2 --json`
}

// Validate is called by kong.
func (c *DeleteCmd) Validate() error {
	if c.Tag == "" && c.Before == nil {
		return errors.New("which records? --tag TAG, --before SEQ, or both; topics rm deletes a whole topic")
	}
	return nil
}

// Run deletes and prints how many records there were.
func (c *DeleteCmd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "delete", func(server *remote.Connection) error {
		deletion := client.Deletion{Before: c.Before, Match: Match(c.Tag)}
		if c.DryRun {
			return c.preview(ctx, server.Client, deletion)
		}
		done, err := server.DeleteRecords(ctx, c.Topic, deletion)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(os.Stdout).Encode(done)
		}
		_, err = fmt.Printf("%s: records deleted: %d, left: %d\n", c.Topic, done.Deleted, done.Count)
		return err
	})
}

// preview prints what would go.
func (c *DeleteCmd) preview(ctx context.Context, api *client.Client, d client.Deletion) error {
	would, err := api.PreviewDeletion(ctx, c.Topic, d)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(would)
	}
	_, err = fmt.Printf("%s: records that would go: %d, bytes: %d\n", c.Topic, would.Count, would.Bytes)
	return err
}
