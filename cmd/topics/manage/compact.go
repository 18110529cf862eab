package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// CompactCmd erases from the disk what is deleted.
type CompactCmd struct {
	JSON  bool `name:"json" help:"Print the receipt as JSON."`
	Quiet bool `short:"q" help:"Show no progress."`
	remote.Flags
}

// Help is printed below the flags.
func (CompactCmd) Help() string {
	return `Removes from the server's disk what was deleted, evicted or has expired before, however little of a file that is, and prints a receipt. It
goes on in the server if this command is interrupted; a server that is stopped has to be asked again.

Examples:
  topics compact
  topics compact --json`
}

// erasurePoll is how often the server is asked how an erasure is doing.
const erasurePoll = 200 * time.Millisecond

// Run has the server erase, waits for the end, and prints the receipt.
func (c *CompactCmd) Run(ctx context.Context) error {
	target, err := c.OperatorTarget()
	if err != nil {
		return err
	}
	server, err := target.Connect(ctx, "compact", c.Wait)
	if err != nil {
		return err
	}
	defer server.Close()
	state, err := server.StartErasure(ctx)
	if err != nil {
		return err
	}
	receipt, err := c.follow(ctx, server.Client, state)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(receipt)
	}
	return printReceipt(receipt)
}

// follow waits until the erasure has ended and shows its progress.
func (c *CompactCmd) follow(ctx context.Context, api *client.Client, state client.ErasureState) (*client.ErasureReceipt, error) {
	progress := terminal.NewProgress(os.Stderr, "compact", 0, c.Quiet)
	defer progress.End()
	started := state.StartedAt
	for {
		if state.StartedAt != started {
			return nil, errors.New("the server was started anew, or asked again, before the erasure had ended: run topics compact again")
		}
		switch state.State {
		case "done":
			return &state.Result, nil
		case "failed":
			return nil, fmt.Errorf("the erasure failed: %s", state.Error)
		}
		progress.Show(int64(state.Checked), func() string { return describeErasure(&state) })
		select {
		case <-time.After(erasurePoll):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		var err error
		if state, err = api.ErasureState(ctx); err != nil {
			return nil, err
		}
	}
}

func describeErasure(s *client.ErasureState) string {
	text := s.Step
	if s.Segments > 0 {
		text = fmt.Sprintf("%s, segments %d of %d", s.Step, s.Checked, s.Segments)
	}
	if s.WaitsFor != "" {
		text += ", waits for the " + s.WaitsFor
	}
	if s.Error != "" {
		text += ": " + s.Error
	}
	return text
}

// printReceipt prints a receipt for people.
func printReceipt(r *client.ErasureReceipt) error {
	_, err := fmt.Printf("no log file or segment has what was deleted before %s; seen at %s\n"+
		"segments: checked %d, rewritten %d, removed %d; records erased %d, bytes freed %d\n"+
		"log: begins at lsn %d, in %s; checkpoint %d\n",
		r.StartedAt, r.FinishedAt, r.Checked, r.Rewritten, r.Removed, r.Records, r.BytesRead-r.BytesWritten,
		r.FirstLSN, r.FirstFile, r.Checkpoint)
	if err != nil {
		return err
	}
	if archived := r.Elsewhere.ArchiveBefore; archived != "" {
		fmt.Printf("elsewhere: archived log files before %s may have it\n", archived)
	}
	_, err = fmt.Printf("elsewhere: backups begun before %s may have it\n", r.Elsewhere.BackupsBefore)
	return err
}
