// Package child runs this same binary as a server in a process of its own, for
// the commands that load a server and kill it. The process is in its own
// group, takes its settings from TOPICS_* variables only, and on Linux dies
// with its parent.
package child

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Options say how to run a server.
type Options struct {
	// Dir belongs to the run: the server's data is in Dir/data, the file with
	// its port beside it. Servers started one after the other with the same
	// Dir are boots of the same server.
	Dir string
	// Command is the subcommand that serves; "serve" if it is empty.
	Command string
	// Env holds further NAME=VALUE settings. TOPICS_* variables of this
	// process are not handed on, so that a run depends on its flags alone.
	Env []string
}

// Server is one boot of a server. It is stopped by Kill or by its own end.
type Server struct {
	cmd      *exec.Cmd
	started  time.Time
	portFile string
	output   tail
	done     chan struct{} // closed when the process has been reaped
	err      error         // why it ended; read after done
}

// DataDir is where a server that runs in dir keeps its data.
func DataDir(dir string) string { return filepath.Join(dir, "data") }

// Start starts a server. It returns once the process runs; whether it listens
// yet is for Watch to find out.
func Start(o Options) (*Server, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary: %w", err)
	}
	portFile := filepath.Join(o.Dir, "port")
	if err := os.Remove(portFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the last boot's port file: %w", err)
	}
	s := &Server{
		cmd:      exec.Command(exe, cmp.Or(o.Command, "serve")),
		portFile: portFile,
		done:     make(chan struct{}),
	}
	s.cmd.Env = append(environ(os.Environ()),
		"TOPICS_HOST=127.0.0.1",
		"TOPICS_PORT=0",
		"TOPICS_PORT_FILE="+portFile,
		"TOPICS_DATA_DIR="+DataDir(o.Dir),
		"TOPICS_LOG_LEVEL=warn",
		"TOPICS_LOG_FORMAT=json",
	)
	s.cmd.Env = append(s.cmd.Env, o.Env...)
	s.cmd.Stdout = &s.output
	s.cmd.Stderr = &s.output
	s.cmd.SysProcAttr = attributes()
	running := make(chan error)
	go s.run(running)
	if err := <-running; err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	return s, nil
}

// run starts the process and reaps it. It holds its thread meanwhile, because
// Linux sends the parent-death signal when the starting thread ends.
func (s *Server) run(running chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s.started = time.Now()
	err := s.cmd.Start()
	running <- err
	if err != nil {
		return
	}
	s.err = s.cmd.Wait()
	close(s.done)
}

// environ drops the TOPICS_* settings.
func environ(all []string) []string {
	kept := make([]string, 0, len(all))
	for _, v := range all {
		if !strings.HasPrefix(v, "TOPICS_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// Pid is the server's process id.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Addr is where the server listens, once it does.
func (s *Server) Addr() (string, error) {
	port, err := os.ReadFile(s.portFile)
	if err != nil {
		return "", err
	}
	return "127.0.0.1:" + strings.TrimSpace(string(port)), nil
}

// Done is closed when the server's process has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Kill ends the server's process group with SIGKILL and waits until it is
// gone. Killing one that has ended does nothing.
func (s *Server) Kill() {
	select {
	case <-s.done:
		return
	default:
	}
	// The group outlives its leader only by members; ESRCH is what we want.
	_ = syscall.Kill(-s.Pid(), syscall.SIGKILL)
	<-s.done
}

// Stop ends the server in order, with SIGTERM, and waits until it is gone. An
// exit that was not clean is an error.
func (s *Server) Stop() error {
	if err := syscall.Kill(s.Pid(), syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	<-s.done
	if s.err != nil {
		return s.Ended()
	}
	return nil
}

// Output is the last that the server printed.
func (s *Server) Output() string { return s.output.String() }

// Ended describes a server that ended by itself, with the last it printed.
// It is called after Done.
func (s *Server) Ended() error {
	why := "exit status 0"
	if s.err != nil {
		why = s.err.Error()
	}
	return fmt.Errorf("the server ended by itself: %s; it printed: %s", why, s.Output())
}
