// Package remote is how commands connect to a server: which one, with which
// key, for how long they wait for it, and what to do if it is not there.
package remote

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// waitDefault is how long a server that restarts is waited for.
const waitDefault = time.Minute

// firstAnswer is how long the first answer of a server may take before the
// server counts as missing.
const firstAnswer = time.Second

// Flags are the flags of every command that connects to a server. See Target
// for the order in which they and the variables count.
type Flags struct {
	URL     string        `placeholder:"URL" help:"Address of the server (default: $TOPICS_URL, the context in use, $TOPICS_HOST and $TOPICS_PORT, or http://127.0.0.1:4000)."`
	Context string        `placeholder:"NAME" help:"Server of the list that topics context keeps (default: $TOPICS_CONTEXT)."`
	Key     string        `placeholder:"KEY" help:"API key (default: $TOPICS_KEY, which keeps it out of the process list)."`
	Wait    time.Duration `placeholder:"TIME" help:"How long to wait for a server that is not there or not ready (default: 60s once it has answered, else not at all)."`
}

// Connection is a server that has answered, or that is waited for.
type Connection struct {
	*client.Client
	URL string
	// Outage reports on standard error that the server is waited for.
	Outage *Outage
}

// Connect returns a connection. A server that does not answer is an error at
// once, unless --wait says to wait for it. The name is that of the command.
func (f *Flags) Connect(ctx context.Context, name string) (*Connection, error) {
	target, err := f.Target()
	if err != nil {
		return nil, err
	}
	return target.Connect(ctx, name, f.Wait)
}

// Connect returns a connection of the command with that name. If wait is 0, the
// server has to answer now, and later is waited for as long as by default.
func (t Target) Connect(ctx context.Context, name string, wait time.Duration) (*Connection, error) {
	c := &Connection{URL: t.URL, Outage: &Outage{W: os.Stderr, Command: name}}
	retryFor := wait
	if retryFor == 0 {
		retryFor = waitDefault
	}
	api, err := client.New(t.URL, client.Options{Key: t.Key, RetryFor: retryFor, Retrying: c.Outage.Failed})
	if err != nil {
		return nil, err
	}
	c.Client = api
	if wait == 0 {
		if err := answers(ctx, api); err != nil {
			api.Close()
			return nil, &MissingError{URL: t.URL, From: t.From, Err: err}
		}
	}
	return c, nil
}

// answers returns an error if there is no HTTP server. What the answer says is
// for the requests that follow to find out.
func answers(ctx context.Context, api *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	_, err := api.Health(ctx)
	var answer *client.Error
	if errors.As(err, &answer) {
		return nil
	}
	return err
}

// Run connects, calls do, and adds to its error what the server knows about the
// mistake.
func (f *Flags) Run(ctx context.Context, name string, do func(*Connection) error) error {
	c, err := f.Connect(ctx, name)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.explain(ctx, do(c))
}

// MissingError reports a server that does not answer.
type MissingError struct {
	URL  string
	From string // what named the server; see Target
	Err  error
}

func (e *MissingError) Error() string {
	return "no server at " + e.URL + ": " + cause(e.Err)
}

func (e *MissingError) Unwrap() error { return e.Err }

// Advice returns what to do next.
func (e *MissingError) Advice() string {
	if e.From != "" {
		return "The address is from " + e.From + ". Start a server with: topics serve\nor name another one with --url; --wait 60s waits for this one."
	}
	return "Start one with: topics serve\nor name another one with --url, TOPICS_URL or topics context; --wait 60s waits for this one."
}

// cause returns the part of a failed request's error that says why.
func cause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within " + firstAnswer.String()
	}
	var op *net.OpError
	if errors.As(err, &op) {
		var call *os.SyscallError
		if errors.As(op.Err, &call) {
			return call.Err.Error()
		}
		return op.Err.Error()
	}
	return err.Error()
}
