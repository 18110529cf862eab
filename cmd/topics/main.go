// Command topics is the topic log server and its tools.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"

	_ "github.com/e6e95bb8/topics/cmd/topics/stdlog"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	// The first signal ends the context, and the second one the process. serve
	// handles its signals itself.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	exit := -1
	parser := newParser(ctx, func(code int) { exit = code })
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	selected, err := parser.Parse(args)
	if exit >= 0 {
		return exit // kong has printed the help
	}
	if err != nil {
		return misused(err)
	}
	return report(selected.Run())
}
