package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilSignalled returns a context that the first SIGINT or SIGTERM ends. From
// then on these signals do what they do by default, so a second one ends the
// process, however soon after the first it arrives. The returned function gives
// up waiting for the first one.
func untilSignalled() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer cancel()
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		// Stop returns after the last signal that was caught is in the channel.
		select {
		case second := <-signals:
			raise(second)
		default:
		}
	}()
	return ctx, cancel
}

// raise sends a signal to this process.
func raise(s os.Signal) {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(s)
	}
	if err != nil {
		os.Exit(1)
	}
}
