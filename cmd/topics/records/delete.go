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
	JSON   bool    `name:"json" help:"Print the answer as JSON."`
	remote.Flags
}

// Help is printed below the flags.
func (DeleteCmd) Help() string {
	return `Records that are deleted are gone at once and for good. topics rm deletes a whole topic.

Examples:
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
		done, err := server.DeleteRecords(ctx, c.Topic, client.Deletion{Before: c.Before, Match: Match(c.Tag)})
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
