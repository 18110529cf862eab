// Package bench measures a server, run as a child process: writes by class,
// connections and batch size, reads, and replay. In the same run it measures
// the limits of the machine (raw append and sync, raw group commit, raw read
// and checksum), and prints each result as a ratio to its limit too. Further
// parts measure what grows with the data and what must not: the time of
// restarts, memory, disk, and the effect of background work on writers. Queues
// are compared with beanstalkd, if that is installed.
//
// Requests are sent over loopback HTTP, so client and server share the
// processors; the share of each is printed with every result.
package bench

import (
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// Cmd is the bench command.
type Cmd struct {
	Only              []string      `help:"What to measure: ${enum}." enum:"writes,reads,replay,recovery,probes,idle,checkpoint,history,debian,bounded,watch,fanout,queue,backlog" default:"writes,reads,replay,recovery,probes,idle,checkpoint,history,debian,bounded,watch,fanout,queue,backlog"`
	Class             []string      `help:"Durability classes of writes." enum:"ephemeral,memory,disk,fsync" default:"ephemeral,memory,disk,fsync"`
	Writers           []int         `help:"Numbers of connections for writes." default:"1,16,64"`
	Batch             []int         `help:"Batch sizes for writes." default:"1,100"`
	Interval          time.Duration `help:"Duration of each measurement." default:"3s"`
	Warmup            time.Duration `help:"Duration of the load before each measurement." default:"500ms"`
	Repeats           int           `help:"Number of rounds; medians are printed." default:"3"`
	ReadRecords       int           `help:"Number of records for reads." default:"500000"`
	ReplayRecords     int           `help:"Number of records for replay; a tenth of them is written again as single writes." default:"2000000"`
	ProgressRecords   amount        `help:"Number of records in the logs whose replay progress recovery checks; a quarter of them as single writes." default:"20M"`
	Records           []amount      `help:"Numbers of records for recovery, such as 1M,10M,50M; each is measured in a new directory." default:"1M"`
	Topics            int           `help:"Number of topics for recovery, checkpoint and history." default:"1000"`
	Size              int           `help:"Bytes of data in each record of recovery, checkpoint, history, idle and bounded." default:"200"`
	Held              time.Duration `help:"How long syncs have been held when the probes of a stalled disk begin." default:"11s"`
	Settle            time.Duration `help:"How long the server's memory may take to settle before it is read." default:"3s"`
	IdleTopics        amount        `help:"Number of topics for idle." default:"100k"`
	CheckpointRecords amount        `help:"Number of records in each checkpoint that is measured." default:"500k"`
	HistoryRecords    amount        `help:"Number of records for history." default:"2M"`
	BoundedRecords    amount        `help:"Number of records for each topic of bounded." default:"1M"`
	Watchers          []int         `help:"Numbers of watchers for watch." default:"1,10,100,1000"`
	IdleWatchers      amount        `help:"Number of idle watchers for watch." default:"10k"`
	Destinations      int           `help:"Number of routers for fanout, each to a different topic." default:"100"`
	QueueWorkers      []int         `help:"Numbers of workers for queue." default:"1,8,64"`
	QueueJobs         int           `help:"Number of jobs in the queue before each measurement of claims." default:"30000"`
	BacklogJobs       amount        `help:"Number of jobs in each state for backlog; a tenth of them in flight." default:"1M"`
	Debian            string        `help:"Package index for debian, as gzipped JSON lines (default: a generated one of the same shape)." type:"existingfile"`
	Against           []string      `help:"Other servers to compare with, if they are installed: ${enum}. Nothing else is measured then." enum:"redis,nats,beanstalkd" placeholder:"NAME,..."`
	Turns             int           `help:"Number of turns of each server for --against; medians are printed." default:"5"`
	Dir               string        `help:"Parent of the run's temporary directory (default: the system's)." type:"existingdir"`
	Set               []string      `help:"Additional setting of the server, NAME=VALUE. Can be repeated." placeholder:"NAME=VALUE" sep:"none"`
	JSON              bool          `name:"json" help:"Print the report as JSON."`
	Topic             string        `placeholder:"NAME" help:"Prefix of the topics that --url writes to and deletes afterwards." default:"bench"`
	remote.Flags
}

// Help is printed below the flags.
func (Cmd) Help() string {
	return `Without --url or --context it starts servers of its own and compares them with the limits of this machine, which takes
minutes. With one of them it measures writes, end to end, and reads of that server, and plots them; only --class, --writers,
--batch, --size and --interval count then.

With --against the same loads go to the server and to others that are installed, in turns, each with a sync before an
acknowledgement: records, latency, and for each record the server's CPU time, context switches and, with strace, system calls.

Examples:
  topics bench --url "$TOPICS_URL" --writers 4 --batch 10 --class disk --interval 500ms
  topics bench --only writes --class disk --writers 1 --batch 1 --interval 100ms --warmup 50ms --repeats 1
  topics bench --against redis,nats,beanstalkd --turns 1 --interval 100ms --warmup 50ms --read-records 1000`
}

// remote reports whether a running server is measured.
func (c *Cmd) remote() bool { return c.URL != "" || c.Context != "" }

// bench is one run.
type bench struct {
	cmd      *Cmd
	dir      string
	corpus   *corpus
	progress *terminal.Steps // a line for each result; the steps are those of Cmd.steps
}

// env returns the settings of every server. Ephemeral records are in memory,
// and a measurement may write more of them than the default allows.
func (b *bench) env() []string {
	return append([]string{"TOPICS_EPHEMERAL_BYTES=8GiB"}, b.cmd.Set...)
}

// logf prints a line of progress.
func (b *bench) logf(format string, a ...any) { b.progress.Printf(format, a...) }
