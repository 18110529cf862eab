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
	// requestTimeout is far above what a loaded server should need.
	requestTimeout = 60 * time.Second
	// pageRecords and pageBytes request the largest pages that the contract
	// allows.
	pageRecords = 1000
	pageBytes   = 8 << 20
	// keyWindow is how long keys are remembered. It is longer than a drill, so
	// that a retry may follow any number of kills.
	keyWindow = 24 * time.Hour
)

// newClient returns a client of one boot of the server. It does not retry,
// because the drill must know about every attempt.
func newClient(addr string) (*client.Client, error) {
	return client.New("http://"+addr, client.Options{Timeout: requestTimeout})
}

// configOf returns the configuration of a topic of a class.
func configOf(c class) client.Config {
	window := keyWindow.Milliseconds()
	return client.Config{Durability: string(c), IdempotencyWindowMS: &window}
}

// read returns the page after from. It waits up to wait for records.
func read(ctx context.Context, c *client.Client, topic string, from uint64, wait time.Duration) (*client.Batch, error) {
	return c.Diff(ctx, topic, client.Query{From: from, Limit: pageRecords, MaxBytes: pageBytes, Wait: wait, IncludeTags: true})
}

// refused reports whether err is an answer of the server.
func refused(err error) bool {
	var e *client.Error
	return errors.As(err, &e)
}

// throttled reports whether the server asks to retry later.
func throttled(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Status == http.StatusTooManyRequests
}

// text returns the string, or "" for nil.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// current is the address of the drill's server, which is different in each
// boot. The zero value has no address yet.
type current struct{ addr atomic.Pointer[string] }

func (c *current) set(addr string) { c.addr.Store(&addr) }

// client returns a client that follows the server from boot to boot, and
// retries for retryFor.
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
