package e2e

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/api/openapi/conform"
)

// undescribed collects what servers answered that the OpenAPI document does
// not describe. TestMain fails if there is anything.
var undescribed struct {
	mu   sync.Mutex
	errs []error
}

// described is a client of which everything it reads is held against the
// document: answers, events, messages. foreign, unless nil, tells what is
// answered by something before the server.
//
// All clients of these tests are made in this file: a test in cmd/topics finds
// others.
func described(base http.RoundTripper, foreign func(*conform.Answer) bool) *http.Client {
	return &http.Client{Transport: &conform.Transport{Base: base, Foreign: foreign, Report: func(err error) {
		undescribed.mu.Lock()
		defer undescribed.mu.Unlock()
		undescribed.errs = append(undescribed.errs, err)
	}}}
}

// describeDefault makes one of net/http's client, which http.Get and
// websocket.Dial use.
func describeDefault() { http.DefaultClient = described(http.DefaultTransport, nil) }

// describedProber makes a client whose requests each have a connection of
// their own, like a load balancer's probes.
func describedProber() *http.Client {
	return described(&http.Transport{DisableKeepAlives: true}, nil)
}

// reportUndescribed prints what was collected and is the exit code of it.
func reportUndescribed() int {
	undescribed.mu.Lock()
	defer undescribed.mu.Unlock()
	for _, err := range undescribed.errs {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
	}
	return min(1, len(undescribed.errs))
}

// connect makes a client of the server at url, with connections of its own
// unless the options have some.
func connect(t *testing.T, url string, o client.Options) *client.Client {
	t.Helper()
	if o.HTTP == nil {
		o.HTTP = described(&http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}, nil)
	}
	c, err := client.New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// client talks to the server and retries nothing.
func (p *process) client() *client.Client {
	p.t.Helper()
	return connect(p.t, p.url(), client.Options{})
}

// retrying is a client that waits out a restart.
func (p *process) retrying() *client.Client {
	p.t.Helper()
	return connect(p.t, p.url(), client.Options{RetryFor: patience})
}

// secret is the API key of the tests that need one.
const secret = "a-secret-of-the-tests"

// keyed is a client that waits out a restart and has the key.
func (p *process) keyed() *client.Client {
	p.t.Helper()
	return connect(p.t, p.url(), client.Options{Key: secret, RetryFor: patience})
}

// keyed is a client with the key and connections of its own.
func keyed() *http.Client { return described(bearer{&http.Transport{}}, nil) }

// bearer adds the key to each request.
type bearer struct{ *http.Transport }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+secret)
	return b.Transport.RoundTrip(r)
}
