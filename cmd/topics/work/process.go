package work

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/child"
)

// killAfter is how long a command has to end after it was told to.
const killAfter = 3 * time.Second

// jobPrefix is how the variables with a job begin.
const jobPrefix = "TOPICS_JOB_"

// process returns the command for a job. It has a process group of its own.
func (r *run) process(ctx context.Context, job *client.Job) *exec.Cmd {
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], r.command)...)
	cmd.Cancel = func() error { return child.SignalGroup(cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	cmd.Stdin = bytes.NewReader(job.Data)
	cmd.Stdout, cmd.Stderr = r.out, r.err
	cmd.SysProcAttr = child.Attributes()
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, jobPrefix) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, variables(r.queue, job)...)
	return cmd
}

// variables returns the environment entries of a job. What the job has not is not
// among them.
func variables(queue string, job *client.Job) []string {
	env := []string{
		jobPrefix + "QUEUE=" + queue,
		jobPrefix + "SEQ=" + strconv.FormatUint(job.Seq, 10),
		jobPrefix + "TS=" + strconv.FormatInt(job.TS, 10),
		jobPrefix + "DELIVERIES=" + strconv.Itoa(job.Deliveries),
		jobPrefix + "LEASE=" + job.Lease,
		jobPrefix + "DEADLINE=" + strconv.FormatInt(job.Deadline, 10),
		jobPrefix + "PRIORITY=" + strconv.Itoa(job.Priority),
	}
	some := func(name, value string) {
		// An environment cannot hold a zero byte; JSON spells it \u0000 in META.
		if value != "" && !strings.Contains(value, "\x00") {
			env = append(env, jobPrefix+name+"="+value)
		}
	}
	if job.Tag != nil {
		some("TAG", *job.Tag)
	}
	if job.Node != nil {
		some("NODE", *job.Node)
	}
	some("GROUP", job.Group)
	some("UNIQUE_KEY", job.UniqueKey)
	some("META", string(job.Meta))
	return env
}

// commands are the processes that run. The zero value has none.
type commands struct {
	mu      sync.Mutex
	running map[int]bool // process groups
	ended   bool         // they were told to end
}

// run runs a command to its end. When its context ends, the command's processes
// are told to end, and are killed if they do not.
func (c *commands) run(ctx context.Context, cmd *exec.Cmd) error {
	// The process dies with this one when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	group, err := c.start(cmd)
	if err != nil {
		return client.Unstarted(fmt.Errorf("start the command: %w", err)) // it is not the job's fault
	}
	err = cmd.Wait()
	c.remove(group)
	if ctx.Err() != nil {
		_ = child.KillGroup(group) // what is left of it, if anything
		return errors.Join(context.Cause(ctx), err)
	}
	if errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success() {
		return nil // a process that it left behind has its input
	}
	if err != nil && c.told() {
		return client.Unstarted(err) // it was interrupted, and did not fail
	}
	return err
}

// told reports whether the commands were told to end.
func (c *commands) told() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// start starts a command and returns its process group. No signal comes between
// the two: it would not reach a command that runs already.
func (c *commands) start(cmd *exec.Cmd) (group int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = cmd.Start()
	if err != nil {
		return 0, err
	}
	if c.running == nil {
		c.running = make(map[int]bool)
	}
	c.running[cmd.Process.Pid] = true
	return cmd.Process.Pid, nil
}

// remove takes out a process group that has ended.
func (c *commands) remove(group int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, group)
}

// signal sends a signal to all commands. ends is set if it tells them to end.
func (c *commands) signal(s os.Signal, ends bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = c.ended || ends
	for group := range c.running {
		_ = child.SignalGroup(group, s) // it may have ended already
	}
}
