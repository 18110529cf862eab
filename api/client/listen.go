package client

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// listener is one use of a stream of events.
type listener struct {
	silence time.Duration // a stream without any data for this long is dead
	opened  func()        // called when the server has begun to answer with a stream
	alive   func()        // called for each comment and before each message
	take    func(message) error
}

// listen opens a stream and passes on its messages until it breaks, take returns
// an error, or the server refuses. It always returns an error. While take runs,
// the stream may be silent.
func (c *Client) listen(ctx context.Context, cl call, l *listener) error {
	silent := fmt.Errorf("the stream was silent for %s", l.silence)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clock := time.AfterFunc(l.silence, func() { cancel(silent) })
	defer clock.Stop()
	err := c.pump(ctx, cl, l, clock)
	if context.Cause(ctx) == silent {
		return silent
	}
	return err
}

func (c *Client) pump(ctx context.Context, cl call, l *listener, clock *time.Timer) error {
	cl.accept = "text/event-stream"
	req, err := c.request(ctx, cl)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := readBody(resp)
		if err != nil {
			return err
		}
		return readError(resp, body)
	}
	l.opened()
	in := newStream(resp.Body, cl.lastID)
	in.comment = func() {
		l.alive()
		clock.Reset(l.silence)
	}
	for {
		m, err := in.next()
		if err != nil {
			return err
		}
		clock.Stop()
		l.alive()
		if err := l.take(m); err != nil {
			return err
		}
		clock.Reset(l.silence)
	}
}
