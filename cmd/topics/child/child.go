// Package child runs this binary as a server in a separate process, for the
// commands that load and kill a server. The process has its own process group,
// takes its settings only from TOPICS_* variables, and on Linux dies with its
// parent.
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
	"time"
)

// Options configure a server.
type Options struct {
	// Dir belongs to the server: its data is in Dir/data, next to the file with
	// its port. Servers started one after the other with the same Dir are boots of
	// the same server.
	Dir string
	// Command is the subcommand that serves; "serve" if it is empty.
	Command string
	Args    []string // of the command
	// Env has additional NAME=VALUE settings. The server does not inherit the
	// TOPICS_* variables of this process, so that a run depends only on its flags.
	Env []string
}

// Server is one boot of a server. It ends by Kill, by Stop, or by itself.
type Server struct {
	cmd      *exec.Cmd
	started  time.Time
	portFile string
	output   tail
	done     chan struct{} // closed when the process has been reaped
	err      error         // why it ended; valid once done is closed
}

// DataDir returns the data directory of a server that runs in dir.
func DataDir(dir string) string { return filepath.Join(dir, "data") }

// Start starts a server and returns once the process runs. The server may not
// be listening yet; see Watch.
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
		cmd:      exec.Command(exe, append([]string{cmp.Or(o.Command, "serve")}, o.Args...)...),
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
	s.cmd.SysProcAttr = Attributes()
	running := make(chan error)
	go s.run(running)
	if err := <-running; err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	return s, nil
}

// run starts the process and reaps it. It is locked to its thread meanwhile,
// because Linux sends the parent-death signal when the thread that started the
// process ends.
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

// environ returns the variables without the TOPICS_* settings.
func environ(all []string) []string {
	kept := make([]string, 0, len(all))
	for _, v := range all {
		if !strings.HasPrefix(v, "TOPICS_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// Pid returns the server's process id.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Addr returns the address of the server's listener. It fails until the server
// listens.
func (s *Server) Addr() (string, error) {
	port, err := os.ReadFile(s.portFile)
	if err != nil {
		return "", err
	}
	return "127.0.0.1:" + strings.TrimSpace(string(port)), nil
}

// Done returns a channel that is closed when the server's process has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Kill kills the server's process group and waits until the
// process has ended. It does nothing if the process has ended already.
func (s *Server) Kill() {
	select {
	case <-s.done:
		return
	default:
	}
	_ = KillGroup(s.Pid()) // it may have no processes any more
	<-s.done
}

// Stop tells the server to stop, and waits until it has ended. An unclean
// exit is an error.
func (s *Server) Stop() error {
	if err := Terminate(s.Pid()); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	<-s.done
	if s.err != nil {
		return s.Ended()
	}
	return nil
}

// Output returns the end of the server's output.
func (s *Server) Output() string { return s.output.String() }

// Ended returns an error that describes a server that ended by itself, with the
// end of its output. It must be called after Done is closed.
func (s *Server) Ended() error {
	why := "exit status 0"
	if s.err != nil {
		why = s.err.Error()
	}
	return fmt.Errorf("the server ended by itself: %s; it printed: %s", why, s.Output())
}
