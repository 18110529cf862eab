package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
	"github.com/e6e95bb8/topics/wal/vfs/hangfs"
)

// serveHeldCmd runs the server on a disk whose syncs hang between SIGUSR1 and
// SIGUSR2. topics bench measures the probes of such a server.
type serveHeldCmd struct{}

func (serveHeldCmd) Run(ctx context.Context) error {
	disk := hangfs.New(vfs.OS())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		var held *hangfs.Hang
		for s := range signals {
			switch {
			case s == syscall.SIGUSR1 && held == nil:
				held = disk.Hang(errfs.Sync, "/")
			case s == syscall.SIGUSR2 && held != nil:
				held.Release()
				held = nil
			}
		}
	}()
	return serveOn(ctx, disk, os.Environ())
}
