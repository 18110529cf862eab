package drill

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

const (
	// requestTimeout is far above anything a loaded server should need.
	requestTimeout = 60 * time.Second
	// pageRecords and pageBytes ask for the largest pages the contract allows.
	pageRecords = 1000
	pageBytes   = 8 << 20
	// keyWindow is how long keys are remembered: for longer than a drill takes,
	// so that a retry may come after any number of kills.
	keyWindow = 24 * time.Hour
)

// newClient speaks to one boot of the server. It never retries: the drill must
// know of every attempt.
func newClient(addr string) (*client.Client, error) {
	return client.New("http://"+addr, client.Options{Timeout: requestTimeout})
}

// configOf is the configuration of a topic of a class.
func configOf(c class) client.Config {
	window := keyWindow.Milliseconds()
	return client.Config{Durability: string(c), IdempotencyWindowMS: &window}
}

// read returns the page after from, waiting up to wait for one.
func read(ctx context.Context, c *client.Client, topic string, from uint64, wait time.Duration) (*client.Batch, error) {
	return c.Diff(ctx, topic, client.Query{From: from, Limit: pageRecords, MaxBytes: pageBytes, Wait: wait, IncludeTags: true})
}

// refused reports whether the server answered, and not with a success.
func refused(err error) bool {
	var e *client.Error
	return errors.As(err, &e)
}

// throttled reports whether the server only asks to come back later.
func throttled(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Status == http.StatusTooManyRequests
}

// text is what an optional text says; none is empty.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// current is where the server of the drill listens: each boot has a port of its
// own. The zero value has none yet.
type current struct{ addr atomic.Pointer[string] }

func (c *current) set(addr string) { c.addr.Store(&addr) }

// client makes a client that goes with the server from boot to boot, and tries
// for so long to reach it.
func (c *current) client(retryFor time.Duration) (*client.Client, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		addr := c.addr.Load()
		if addr == nil {
			return nil, errors.New("the server has not been started")
		}
		var d net.Dialer
		return d.DialContext(ctx, network, *addr)
	}}
	return client.New("http://localhost", client.Options{
		Timeout: requestTimeout, RetryFor: retryFor, HTTP: &http.Client{Transport: transport},
	})
}
