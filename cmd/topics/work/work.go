// Package work implements `topics work`, which runs a command for each job of a
// queue.
package work

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// Cmd is the subcommand with its arguments.
type Cmd struct {
	Queue    string        `arg:"" completion:"topic" help:"Queue to work on."`
	Exec     string        `required:"" placeholder:"COMMAND" help:"Shell command that does one job. It reads the job's data from standard input, and the rest from TOPICS_JOB_* variables. Exit code 0 acks the job; any other one gives it back."`
	Parallel int           `short:"p" default:"1" help:"How many commands run at the same time."`
	Ahead    int           `default:"0" help:"How many more jobs to hold, so that the next one is here when a command ends."`
	Lease    time.Duration `help:"How long the queue waits for a sign of life before it gives a job to another worker (default: the queue's lease_ms)."`
	Node     string        `help:"Name of this worker, which no other one may have (default: from the host's name and the process id)."`
	Stop     time.Duration `default:"30s" help:"How long commands may go on after SIGINT or SIGTERM. A second signal is passed on to them at once, and what it ends goes back uncounted."`
	remote.Flags
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	switch {
	case c.Exec == "":
		return errors.New("--exec must not be empty")
	case c.Parallel < 1 || c.Parallel > 1000:
		return errors.New("--parallel must be 1 to 1000")
	case c.Ahead < 0 || c.Ahead > 1000:
		return errors.New("--ahead must be 0 to 1000")
	case c.Lease < 0 || c.Stop <= 0:
		return errors.New("--stop must be positive and --lease not negative")
	}
	return nil
}

// Help is printed below the flags.
func (Cmd) Help() string {
	return `The job's data is on the command's standard input.

Examples:
  topics work mail --exec 'cat >> sent.txt'
  topics work mail --parallel 4 --exec './send "$TOPICS_JOB_TAG"'`
}

// Run works until it is interrupted, which is no error.
func (c *Cmd) Run(ctx context.Context) error {
	r := &run{out: os.Stdout, err: os.Stderr, command: c.Exec, queue: c.Queue}
	return c.Flags.Run(ctx, "work", func(server *remote.Connection) error { return c.work(ctx, server, r) })
}

func (c *Cmd) work(ctx context.Context, server *remote.Connection, r *run) error {
	r.server = server
	ctx, stop := r.relay(ctx)
	defer stop()
	err := server.Work(ctx, c.Queue, r.handle, client.WorkOptions{
		Node: c.Node, Parallel: c.Parallel, Ahead: c.Ahead, Lease: c.Lease, Stop: c.Stop, Ended: r.ended,
	})
	fmt.Fprintln(r.err, r.summary())
	return err
}

// run is one run of the command.
type run struct {
	out, err *os.File // of the jobs' commands; err also has this command's own lines
	command  string
	queue    string
	commands commands

	mu       sync.Mutex
	server   *remote.Connection
	acked    int
	returned int
	lost     int
}

// relay returns a context that ends with the first SIGINT or SIGTERM. Later ones,
// and those that mean nothing here, go to the commands.
func (r *run) relay(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, append([]os.Signal{os.Interrupt, syscall.SIGTERM}, passed...)...)
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		stopped := false
		for {
			select {
			case s := <-signals:
				ends := s == os.Interrupt || s == syscall.SIGTERM
				if ends && !stopped {
					stopped = true
					cancel()
					continue
				}
				r.commands.signal(s, ends)
			case <-done:
				return
			}
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		running.Wait()
		cancel()
	}
}

// handle does one job.
func (r *run) handle(ctx context.Context, job *client.Job) error {
	r.server.Outage.Over()
	return r.commands.run(ctx, r.process(ctx, job))
}

// ended counts how a job ended, and prints what is worth a line.
func (r *run) ended(e client.Ended) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.Failure != nil:
		r.lost++
		fmt.Fprintf(r.err, "work: job %d: the queue may not know how it ended, and may deliver it again: %s\n", e.Job.Seq, e.Failure)
	case e.Lost != "":
		r.lost++
		fmt.Fprintf(r.err, "work: job %d: its lease was lost (%s), and it may be delivered again\n", e.Job.Seq, e.Lost)
	case e.Err != nil:
		r.returned++
		fmt.Fprintf(r.err, "work: job %d, delivery %d: %s; it goes back\n", e.Job.Seq, e.Job.Deliveries, e.Err)
	case e.Unbegun:
		r.returned++
	default:
		r.acked++
	}
}

func (r *run) summary() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("work: %s: %d jobs acked, %d given back, %d lost", r.queue, r.acked, r.returned, r.lost)
}
