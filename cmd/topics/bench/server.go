package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/child"
)

const (
	// readyPoll is the interval at which a booting server is probed: short enough
	// to time a short replay, long enough not to slow it down.
	readyPoll = 5 * time.Millisecond
	// readyTimeout bounds the wait for a server to become ready.
	readyTimeout = 5 * time.Minute
	// stopTimeout bounds the wait for a server to stop.
	stopTimeout = time.Minute
	// smallCache makes reads go to the files.
	smallCache = "TOPICS_CACHE_BYTES=1048576"
)

// noCheckpoints disables checkpoints except on request.
var noCheckpoints = []string{"TOPICS_CHECKPOINT_BYTES=1TiB", "TOPICS_CHECKPOINT_INTERVAL_MS=0"}

// server is a server that is measured.
type server struct {
	process *child.Server
	addr    string
	api     *client.Client // for requests that are not part of a load; it does not retry
	ready   time.Duration  // time from the start of the process
	seen    []child.Probe  // probes during the replay, and the first one that was ready
}

// boot starts a server in dir and waits until it is ready. The caller must kill
// or stop it.
func boot(ctx context.Context, dir string, env []string) (*server, error) {
	return bootOptions(ctx, child.Options{Dir: dir, Env: env})
}

func bootOptions(ctx context.Context, o child.Options) (*server, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var seen []child.Probe
	process, ready, err := child.Boot(ctx, o, readyPoll, func(p child.Probe) {
		if p.Phase == "replaying" || p.Phase == "ready" {
			seen = append(seen, p)
		}
	})
	if err != nil {
		return nil, err
	}
	s := &server{process: process, addr: ready.Addr, ready: ready.At, seen: seen}
	if s.api, err = client.New("http://"+s.addr, client.Options{Timeout: load.ExchangeTimeout}); err != nil {
		process.Kill()
	}
	return s, err
}

// kill kills the server with SIGKILL.
func (s *server) kill() {
	s.process.Kill()
	s.api.Close()
}

// configure creates a topic with a durability class.
func (s *server) configure(ctx context.Context, topic, class string) error {
	_, err := s.api.PutTopic(ctx, topic, client.Config{Durability: class})
	return err
}

// stop tells the server to stop, and returns how long that took. Whether
// the shutdown was clean is in the report of the next start.
func (s *server) stop() (time.Duration, error) {
	began := time.Now()
	if err := child.Terminate(s.process.Pid()); err != nil {
		return 0, err
	}
	select {
	case <-s.process.Done():
		return time.Since(began), nil
	case <-time.After(stopTimeout):
		return 0, errors.New("the server does not stop")
	}
}

// ask sends one request over a new connection. The server closes connections
// that are idle for as long as a load takes.
func (s *server) ask(request []byte) (body []byte, err error) {
	c, err := load.Dial(s.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Expect(request, 200, 201)
}

// call is ask for requests whose answer has no further information.
func (s *server) call(request []byte) error {
	_, err := s.ask(request)
	return err
}

// settled returns the least resident memory of the server within the given
// time, which excludes memory that is about to be freed.
func (s *server) settled(ctx context.Context, within time.Duration) (int64, error) {
	least := int64(0)
	for end := time.Now().Add(within); ; load.Pause(ctx, within/20) {
		rss, err := child.Resident(s.process.Pid())
		if err != nil {
			return 0, fmt.Errorf("read the server's memory: %w", err)
		}
		if least == 0 || rss < least {
			least = rss
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return least, ctx.Err()
		}
	}
}

// scratch creates a directory below dir for one server or one measurement. done
// removes it.
func scratch(dir, name string) (path string, done func() error, err error) {
	path, err = os.MkdirTemp(dir, name+"-")
	return path, func() error { return os.RemoveAll(path) }, err
}
