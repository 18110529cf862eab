package peer

import (
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/child"
)

const (
	// listenPoll is the interval at which a starting server is dialled.
	listenPoll = 5 * time.Millisecond
	// listenTimeout bounds the wait for a server to accept connections.
	listenTimeout = 30 * time.Second
)

// Process is a server that runs. Stop must be called.
type Process struct {
	Addr string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// Start starts a program that listens on a free port of the loopback address, and
// returns once it accepts connections.
func Start(program string, arguments func(port string) ([]string, error)) (*Process, error) {
	addr, err := free()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	all, err := arguments(port)
	if err != nil {
		return nil, err
	}
	p := &Process{Addr: addr, cmd: exec.Command(program, all...), done: make(chan struct{})}
	p.cmd.SysProcAttr = child.Attributes()
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	if err := p.listening(); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// run starts the process and waits for its end. On Linux a process dies with the
// thread that started it.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // Stop kills it
	}
}

// free returns an address that no socket listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// listening returns once the process accepts connections.
func (p *Process) listening() error {
	tick := time.NewTicker(listenPoll)
	defer tick.Stop()
	late := time.After(listenTimeout)
	for {
		c, err := net.Dial("tcp", p.Addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("it ended: %s", p.cmd.ProcessState)
		case <-late:
			return fmt.Errorf("it does not listen: %w", err)
		}
	}
}

// Pid returns the process's ID.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stop kills the process and waits for its end.
func (p *Process) Stop() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}
