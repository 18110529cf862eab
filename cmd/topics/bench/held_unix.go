//go:build unix

package bench

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

// heldCommand is the subcommand of a server whose syncs can be held.
const heldCommand = "serve-held"

func (b *bench) heldStates() []probeState {
	return []probeState{
		{fmt.Sprintf("syncs held for at least %s, 64 writers waiting", b.cmd.Held), nil, b.heldSync},
	}
}

// heldSync holds every sync of the server's disk until done is called, while
// writers wait.
func (b *bench) heldSync(ctx context.Context, s *server) (done func() error, err error) {
	if err := syscall.Kill(s.process.Pid(), syscall.SIGUSR1); err != nil {
		return nil, err
	}
	written, err := writersAtWork(ctx, s)
	if err != nil {
		return nil, err
	}
	load.Pause(ctx, b.cmd.Held)
	return func() error {
		return errors.Join(syscall.Kill(s.process.Pid(), syscall.SIGUSR2), written())
	}, nil
}
