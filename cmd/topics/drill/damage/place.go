package damage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/child"
)

const (
	// bootTimeout is how long a start may take to be ready or refused, and a
	// tool to end.
	bootTimeout = time.Minute
	probeEvery  = 4 * time.Millisecond
)

// place is a data directory with what belongs to it, and the settings it is
// served with.
type place struct {
	dir      string
	settings []string
	cold     bool // there is a cold directory
}

func (p place) data() string    { return child.DataDir(p.dir) }
func (p place) coldDir() string { return filepath.Join(p.dir, "cold") }

// env is the environment of the server and the tools.
func (p place) env() []string {
	env := p.settings
	if p.cold {
		env = append(env[:len(env):len(env)], "TOPICS_COLD_DIR="+p.coldDir())
	}
	return env
}

// boot is one start of the server: it serves, or was refused.
type boot struct {
	server  *child.Server // nil once it has ended
	client  *client.Client
	refusal string // why it does not serve, or empty
}

// start starts the server and waits for its verdict. An error means that there
// was none in time.
func (p place) start(ctx context.Context) (*boot, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, errors.New("the server was neither ready nor refused in time"))
	defer cancel()
	server, err := child.Start(child.Options{Dir: p.dir, Env: p.env()})
	if err != nil {
		return nil, err
	}
	var last child.Probe
	err = server.Watch(ctx, probeEvery, func(probe child.Probe) bool {
		last = probe
		return probe.Phase != "ready" && probe.Phase != "failed"
	})
	if ctx.Err() != nil {
		server.Kill()
		return nil, fmt.Errorf("%w; it printed: %s", context.Cause(ctx), server.Output())
	}
	if err != nil {
		server.Kill()
		return &boot{refusal: err.Error()}, nil // it ended by itself, in these words
	}
	b := &boot{server: server}
	if b.client, err = client.New("http://"+last.Addr, client.Options{Timeout: bootTimeout}); err != nil {
		server.Kill()
		return nil, err
	}
	if last.Phase == "failed" {
		r, err := b.client.Ready(ctx)
		b.kill()
		if err != nil {
			return nil, err
		}
		b.refusal = r.Reason
		if b.refusal == "" {
			b.refusal = "(no reason)"
		}
	}
	return b, nil
}

// kill is kill -9.
func (b *boot) kill() {
	if b.client != nil {
		b.client.Close()
	}
	if b.server != nil {
		b.server.Kill()
	}
}

// stop ends the server in order.
func (b *boot) stop() error {
	b.client.Close()
	return b.server.Stop()
}

// tool runs an offline tool to its end.
func (p place) tool(ctx context.Context, args ...string) (code int, stdout []byte, printed string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, fmt.Errorf("topics %s did not end in time", args[0]))
	defer cancel()
	exe, err := os.Executable()
	if err != nil {
		return 0, nil, "", err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TOPICS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, p.env()...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	err = cmd.Run()
	if ctx.Err() != nil {
		return 0, nil, "", context.Cause(ctx)
	}
	if ended := new(exec.ExitError); err != nil && !errors.As(err, &ended) {
		return 0, nil, "", err
	}
	return cmd.ProcessState.ExitCode(), out.Bytes(), strings.TrimSpace(words.String()), nil
}

// verdict is the result of a tool for a directory.
type verdict struct {
	code  int
	words string
}

// verify runs topics verify.
func (p place) verify(ctx context.Context) (verdict, error) {
	code, out, words, err := p.tool(ctx, "verify", p.data())
	return verdict{code, strings.TrimSpace(string(out) + words)}, err
}

// mended is the report of topics repair.
type mended struct {
	verdict
	Changed   bool `json:"changed"`
	Recovered int  `json:"recovered_topics"`
}

func (p place) repair(ctx context.Context) (mended, error) {
	code, out, words, err := p.tool(ctx, "repair", p.data(), "--json")
	m := mended{verdict: verdict{code, words}}
	if err != nil || code != 0 {
		return m, err
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, fmt.Errorf("the report of topics repair: %w", err)
	}
	return m, nil
}

// copyTree copies the directory from, with all that is in it, to a new one. A
// file that goes meanwhile is left out.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		err = copyFile(name, filepath.Join(to, rel))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
