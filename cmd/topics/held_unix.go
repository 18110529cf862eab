//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
	"github.com/e6e95bb8/topics/wal/vfs/hangfs"
)

// serveHeldCmd runs the server on a disk whose syncs hang between SIGUSR1 and
// SIGUSR2, and whose cold directory is slow. topics bench measures the probes of such a
// server, and topics drill attack how many reads it survives. After SIGWINCH a
// part of the process counts as one that has stopped moving, for tests of what
// restarts it.
type serveHeldCmd struct {
	Held  bool          `help:"Begin as after SIGUSR1."`
	Reads time.Duration `help:"Duration of each read from the cold directory, beside what it takes anyway."`
}

func (c serveHeldCmd) Run(ctx context.Context) error {
	below := vfs.OS()
	if cold := os.Getenv("TOPICS_COLD_DIR"); c.Reads > 0 && cold != "" {
		below = slowDisk{below, cold, c.Reads}
	}
	disk := hangfs.New(below)
	var stuck atomic.Bool
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	var held *hangfs.Hang
	if c.Held {
		held = disk.Hang(errfs.Sync, "/")
	}
	go func() {
		for s := range signals {
			switch {
			case s == syscall.SIGUSR1 && held == nil:
				held = disk.Hang(errfs.Sync, "/")
			case s == syscall.SIGUSR2 && held != nil:
				held.Release()
				held = nil
			case s == syscall.SIGWINCH:
				stuck.Store(true)
			}
		}
	}()
	s := &server{environ: os.Environ(), fs: disk, moves: func() bool { return !stuck.Load() }}
	return s.run(ctx)
}
