// Command topics is the topic log server and its tools.
package main

import (
	"os"
	"slices"

	_ "github.com/e6e95bb8/topics/cmd/topics/stdlog"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := untilSignalled()
	defer stop()
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
