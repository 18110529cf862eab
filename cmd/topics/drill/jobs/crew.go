package jobs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/child"
)

// member is one worker process.
type member struct {
	name   string
	file   string // its journal
	cmd    *exec.Cmd
	output bytes.Buffer
	done   chan struct{} // closed when the process has ended
	err    error         // why; valid once done is closed
	killed int64         // Unix ns; 0 if it was not
}

// crew are the worker processes of a drill, those that have ended included.
type crew struct {
	dir   string
	args  []string
	mu    sync.Mutex
	all   []*member
	alive []*member
}

// hire starts another worker.
func (c *crew) hire() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name := fmt.Sprintf("worker-%d", len(c.all)+1)
	m := &member{name: name, file: filepath.Join(c.dir, name), done: make(chan struct{})}
	m.cmd = exec.Command(exe, append([]string{"drill", "worker", "--name", name, "--journal", m.file}, c.args...)...)
	m.cmd.Stdout, m.cmd.Stderr = &m.output, &m.output
	m.cmd.SysProcAttr = child.Attributes()
	running := make(chan error)
	go m.run(running)
	if err := <-running; err != nil {
		return err
	}
	c.all, c.alive = append(c.all, m), append(c.alive, m)
	return nil
}

// run starts the process and reaps it, on the thread with which it dies.
func (m *member) run(running chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := m.cmd.Start()
	running <- err
	if err == nil {
		m.err = m.cmd.Wait()
		close(m.done)
	}
}

// pick takes worker i out of those that are alive.
func (c *crew) pick(i int) *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.alive[i]
	c.alive = append(c.alive[:i:i], c.alive[i+1:]...)
	return m
}

// end ends a worker by a kill or in order.
func (m *member) end(kill bool) error {
	select {
	case <-m.done:
		return fmt.Errorf("%s ended by itself: %w: %s", m.name, m.err, m.output.String())
	default:
	}
	if kill {
		m.killed = time.Now().UnixNano()
		_ = m.cmd.Process.Kill() // it may be ending by itself just now
		<-m.done
		return nil
	}
	_ = child.Terminate(m.cmd.Process.Pid) // it may be ending by itself just now
	<-m.done
	if m.err == nil {
		return nil
	}
	if _, err := os.Stat(m.file); os.IsNotExist(err) {
		return nil // the signal came before it had begun
	}
	return fmt.Errorf("%s ended with %w: %s", m.name, m.err, m.output.String())
}

// leave ends all workers, side by side. It returns the first error.
func (c *crew) leave(kill bool) error {
	c.mu.Lock()
	alive := c.alive
	c.alive = nil
	c.mu.Unlock()
	errs := make([]error, len(alive))
	var ending sync.WaitGroup
	for i, m := range alive {
		ending.Go(func() { errs[i] = m.end(kill) })
	}
	ending.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// members returns all workers that there ever were.
func (c *crew) members() []*member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*member(nil), c.all...)
}
