// Command topics is the topic log server and its tools.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/e6e95bb8/topics/cmd/topics/bench"
	"github.com/e6e95bb8/topics/cmd/topics/drill"
	"github.com/e6e95bb8/topics/cmd/topics/drill/attack"
	"github.com/e6e95bb8/topics/cmd/topics/drill/damage"
	"github.com/e6e95bb8/topics/cmd/topics/drill/jobs"
	"github.com/e6e95bb8/topics/cmd/topics/load"
	_ "github.com/e6e95bb8/topics/cmd/topics/stdlog"
	"github.com/e6e95bb8/topics/cmd/topics/work"
)

// commands is the command line. The server's settings are TOPICS_* variables,
// not flags.
type commands struct {
	Serve   serveCmd     `cmd:"" default:"1" help:"Run the server. This is the default."`
	Held    serveHeldCmd `cmd:"" name:"serve-held" hidden:""`
	Config  configCmd    `cmd:"" help:"Print the effective configuration."`
	Version versionCmd   `cmd:"" help:"Print the version."`
	Load    load.Cmd     `cmd:"" help:"Load JSON lines into a topic, each exactly once."`
	Tail    tailCmd      `cmd:"" help:"Print a topic's records as JSON lines."`
	Work    work.Cmd     `cmd:"" help:"Run a command for each job of a queue."`
	Jobs    jobsCmd      `cmd:"" help:"Print a queue's jobs as JSON lines."`
	Dead    deadCmd      `cmd:"" help:"Print a queue's dead letters as JSON lines, or put them back, or delete them."`
	Backup  backupCmd    `cmd:"" help:"Back up a data directory, whether or not a server is using it."`
	Restore restoreCmd   `cmd:"" help:"Restore a data directory from a backup, as of then or of any later time."`
	Verify  verifyCmd    `cmd:"" help:"Check every checksum and reference of a data directory or a backup."`
	Dump    dumpCmd      `cmd:"" help:"Print the contents of a data directory as JSON lines."`
	Repair  repairCmd    `cmd:"" help:"Repair a damaged data directory. Damaged files are copied to a quarantine."`
	Drill   drillCmd     `cmd:"" help:"Test that no acknowledged write is lost when a server is killed or its files are damaged."`
	Bench   bench.Cmd    `cmd:"" help:"Measure the server against the limits of this machine."`
}

// drillCmd has the drills.
type drillCmd struct {
	Kill   drill.Cmd   `cmd:"" default:"withargs" help:"Kill a server under load repeatedly. This is the default."`
	Queue  jobs.Cmd    `cmd:"" help:"Kill workers and the server at random while jobs are done."`
	Worker jobs.Worker `cmd:"" hidden:""` // started by the drill of queues
	Damage damage.Cmd  `cmd:"" help:"Damage data directories at random, and start, verify and repair them."`
	Attack attack.Cmd  `cmd:"" help:"Attack servers with little memory while a well-behaved client uses them."`
}

func main() {
	os.Exit(run(os.Args[1:]))
}

// usageError is the exit code for an invalid command line or configuration.
const usageError = 2

func run(args []string) int {
	// The first signal ends the context, and the second one the process. serve
	// handles its signals itself.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	exit := -1
	parser, err := kong.New(new(commands),
		kong.Name("topics"),
		kong.Description("A durable topic log server. Settings are TOPICS_* variables: see topics config."),
		kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Exit(func(code int) { exit = code }),
	)
	if err != nil {
		panic(err) // a mistake in the declarations above
	}
	selected, err := parser.Parse(args)
	if exit >= 0 {
		return exit // kong has printed the help
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "topics:", err)
		return usageError
	}
	return report(selected.Run())
}

// report prints an error and returns its exit code.
func report(err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintln(os.Stderr, err)
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 1
}
