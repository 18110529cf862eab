package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/api/openapi/conform"
)

// undescribed collects answers that the OpenAPI document does not describe.
// TestMain fails if there are any.
var undescribed struct {
	mu   sync.Mutex
	errs []error
}

// described returns a client that checks everything it reads against the
// OpenAPI document: answers, events, messages. foreign, if not nil, reports
// whether an answer comes from something in front of the server.
//
// All clients of these tests are made in this file; a test in cmd/topics
// enforces that.
func described(base http.RoundTripper, foreign func(*conform.Answer) bool) *http.Client {
	return &http.Client{Transport: &conform.Transport{Base: base, Foreign: foreign, Report: func(err error) {
		undescribed.mu.Lock()
		defer undescribed.mu.Unlock()
		undescribed.errs = append(undescribed.errs, err)
	}}}
}

// describeDefault makes net/http's default client, which http.Get and
// websocket.Dial use, a described one.
func describeDefault() { http.DefaultClient = described(http.DefaultTransport, nil) }

// describedProber returns a client that uses a new connection for each request,
// like a load balancer's probes.
func describedProber() *http.Client {
	return described(&http.Transport{DisableKeepAlives: true}, nil)
}

// foreign returns a client of a program that is not the server.
func foreign() *http.Client {
	return described(&http.Transport{}, func(*conform.Answer) bool { return true })
}

// reportUndescribed prints what was collected and returns the exit code for it.
func reportUndescribed() int {
	undescribed.mu.Lock()
	defer undescribed.mu.Unlock()
	for _, err := range undescribed.errs {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
	}
	return min(1, len(undescribed.errs))
}

// connect returns a client of the server at url, with its own connections
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

// client returns a client of the server that does not retry.
func (p *process) client() *client.Client {
	p.t.Helper()
	return connect(p.t, p.url(), client.Options{})
}

// retrying returns a client that retries during a restart.
func (p *process) retrying() *client.Client {
	p.t.Helper()
	return connect(p.t, p.url(), client.Options{RetryFor: patience})
}

// secret is the API key of the tests that need one.
const secret = "a-secret-of-the-tests"

// keyed returns a client that retries during a restart and has the key.
func (p *process) keyed() *client.Client {
	p.t.Helper()
	return connect(p.t, p.url(), client.Options{Key: secret, RetryFor: patience})
}

// keyed returns a client with the key and its own connections.
func keyed() *http.Client { return described(bearer{&http.Transport{}}, nil) }

// bearer adds the key to each request.
type bearer struct{ *http.Transport }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+secret)
	return b.Transport.RoundTrip(r)
}

// prefixed returns the URL of a proxy that serves what is at target below a path.
func prefixed(t *testing.T, target, path string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(http.StripPrefix(path, httputil.NewSingleHostReverseProxy(u)))
	t.Cleanup(proxy.Close)
	return proxy.URL + path
}

// passOn returns a handler that passes requests on to a proxy, and counts the
// streams among them.
func (p *proxy) passOn(streams *atomic.Int64) http.Handler {
	to, err := url.Parse(base)
	if err != nil {
		p.t.Fatal(err)
	}
	return &httputil.ReverseProxy{
		Transport: p.http.Transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(*http.Response) error {
			streams.Add(1)
			return nil
		},
	}
}
