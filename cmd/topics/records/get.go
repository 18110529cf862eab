package records

import (
	"context"
	"fmt"
	"os"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// GetCmd prints one record.
type GetCmd struct {
	Topic string `arg:"" completion:"topic" help:"Topic to read."`
	Seq   uint64 `arg:"" help:"Seq of the record."`
	Form
	remote.Flags
}

// Help is printed below the flags.
func (GetCmd) Help() string {
	return "Examples:\n  topics get orders 1\n  topics get orders 2 --pretty"
}

// Run prints to standard output.
func (c *GetCmd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "get", func(server *remote.Connection) error {
		if c.Seq == 0 {
			return remote.Advised(fmt.Errorf("there is no seq 0"), "The first record of a topic has seq 1.")
		}
		b, err := server.Diff(ctx, c.Topic, client.Query{From: c.Seq - 1, Limit: 1, IncludeTags: true})
		if err != nil {
			return err
		}
		if len(b.Records) == 0 || b.Records[0].Seq != c.Seq {
			return absent(c.Topic, c.Seq, b)
		}
		p := c.printer(os.Stdout, os.Stderr, false)
		if err := p.record(c.Topic, &b.Records[0]); err != nil {
			return err
		}
		return p.out.Flush()
	})
}

// absent returns why a read after seq-1 has no record with that seq.
func absent(topic string, seq uint64, b *client.Batch) error {
	switch {
	case seq > b.HeadSeq:
		return remote.Advised(fmt.Errorf("%s has no record %d yet: its last one is %d", topic, seq, b.HeadSeq),
			fmt.Sprintf("topics tail %s -f waits for it.", topic))
	case b.Tombstone != nil && seq <= b.Tombstone.GapTo:
		return remote.Advised(fmt.Errorf("record %d of %s is lost: %s", seq, topic, b.Tombstone.Reason),
			fmt.Sprintf("The first one that is left is %d.", b.EarliestSeq))
	}
	return remote.Advised(fmt.Errorf("record %d of %s was deleted", seq, topic),
		fmt.Sprintf("The first one that is left is %d.", b.EarliestSeq))
}
