package main

import (
	"context"

	"github.com/alecthomas/kong"

	"github.com/e6e95bb8/topics/cmd/topics/bench"
	"github.com/e6e95bb8/topics/cmd/topics/drill"
	"github.com/e6e95bb8/topics/cmd/topics/drill/attack"
	"github.com/e6e95bb8/topics/cmd/topics/drill/damage"
	"github.com/e6e95bb8/topics/cmd/topics/drill/jobs"
	"github.com/e6e95bb8/topics/cmd/topics/load"
	"github.com/e6e95bb8/topics/cmd/topics/manage"
	"github.com/e6e95bb8/topics/cmd/topics/manual"
	"github.com/e6e95bb8/topics/cmd/topics/records"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/top"
	"github.com/e6e95bb8/topics/cmd/topics/work"
)

// commands is the command line.
type commands struct {
	Serve   serveCmd          `cmd:"" default:"withargs" group:"Server" help:"Run the server. This is the default."`
	Top     top.Cmd           `cmd:"" group:"Server" help:"Show what a server is doing, live."`
	Config  configCmd         `cmd:"" group:"Server" help:"Print the effective configuration of a server started here."`
	Probe   probeCmd          `cmd:"" group:"Server" help:"Ask the server whether it is live or ready: exit code 0 or 1 within 2 seconds."`
	Compact manage.CompactCmd `cmd:"" group:"Server" help:"Erase from the disk what was deleted, evicted or has expired, and print a receipt."`
	signalCommands
	Context remote.ContextCmd `cmd:"" group:"Server" help:"Keep a list of servers by name."`

	Put    records.PutCmd    `cmd:"" group:"Records" help:"Append records to a topic."`
	Get    records.GetCmd    `cmd:"" group:"Records" help:"Print one record."`
	Tail   records.TailCmd   `cmd:"" group:"Records" help:"Print the last records of a topic, and follow it."`
	Watch  records.WatchCmd  `cmd:"" group:"Records" help:"Print every event of several topics as it comes."`
	Delete records.DeleteCmd `cmd:"" group:"Records" help:"Delete records by tag, up to a seq, or both."`
	Load   load.Cmd          `cmd:"" group:"Records" help:"Load a file into a topic, each record exactly once."`

	Ls    manage.LsCmd    `cmd:"" group:"Topics" help:"List topics."`
	Info  manage.InfoCmd  `cmd:"" group:"Topics" help:"Show a topic: records, settings, routers."`
	Set   manage.SetCmd   `cmd:"" group:"Topics" help:"Change the settings of a topic, or create it."`
	Rm    manage.RmCmd    `cmd:"" group:"Topics" help:"Delete topics with all their records."`
	Route manage.RouteCmd `cmd:"" group:"Topics" help:"List, make and delete routers, which copy records from topic to topic."`
	Apply manage.ApplyCmd `cmd:"" group:"Topics" help:"Make topics and routers as a YAML file says."`

	Work work.Cmd `cmd:"" group:"Queues" help:"Run a command for each job of a queue."`
	Jobs jobsCmd  `cmd:"" group:"Queues" help:"Print a queue's jobs as JSON lines."`
	Dead deadCmd  `cmd:"" group:"Queues" help:"Print a queue's dead letters as JSON lines, or put them back, or delete them."`

	Backup  backupCmd  `cmd:"" group:"Data directories" help:"Back up a data directory, whether or not a server is using it; verify backups."`
	Restore restoreCmd `cmd:"" group:"Data directories" help:"Restore a data directory from a backup, as of then or of any later time."`
	Verify  verifyCmd  `cmd:"" group:"Data directories" help:"Check every checksum and reference of a data directory or a backup."`
	Dump    dumpCmd    `cmd:"" group:"Data directories" help:"Print the contents of a data directory as JSON lines."`
	Repair  repairCmd  `cmd:"" group:"Data directories" help:"Repair a damaged data directory. Damaged files are copied to a quarantine."`

	Bench bench.Cmd `cmd:"" group:"Trials" help:"Measure a server."`
	Drill drillCmd  `cmd:"" group:"Trials" help:"Test that no acknowledged write is lost when a server is killed or its files are damaged."`

	Completion manual.CompletionCmd `cmd:"" group:"This program" help:"Print a script that completes commands in a shell."`
	Man        manual.ManCmd        `cmd:"" group:"This program" help:"Write the manual pages."`
	Version    versionCmd           `cmd:"" group:"This program" help:"Print the version."`
	Help       helpCmd              `cmd:"" name:"help" group:"This program" help:"Show the help of a command."`

	PrintVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// drillCmd has the drills.
type drillCmd struct {
	Kill   drill.Cmd   `cmd:"" default:"withargs" help:"Kill a server under load repeatedly. This is the default."`
	Queue  jobs.Cmd    `cmd:"" help:"Kill workers and the server at random while jobs are done."`
	Worker jobs.Worker `cmd:"" hidden:""` // started by the drill of queues
	Damage damage.Cmd  `cmd:"" help:"Damage data directories at random, and start, verify and repair them."`
	Attack attack.Cmd  `cmd:"" help:"Attack servers with little memory while a well-behaved client uses them."`
}

// newParser returns the command line's parser. exit is called instead of ending
// the process, after help or the version was printed.
func newParser(ctx context.Context, exit func(int)) *kong.Kong {
	c := &commands{}
	c.Serve.settings, c.Config.settings = newSettings(), newSettings()
	return kong.Must(c,
		kong.Name("topics"),
		kong.Description("A durable topic log server and its tools.\n\nCommands find the server by --url, --context, TOPICS_URL or the context in use, and else on this machine; keys are in --key or TOPICS_KEY."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Vars{"version": thisBuild().String()},
		kong.Exit(exit),
	)
}

// helpCmd shows the help of a command. It is never run: run gives the command
// the flag --help.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command, such as put, or route add."`
}

// Help is printed below the flags.
func (helpCmd) Help() string { return "Examples:\n  topics help\n  topics help route add" }
