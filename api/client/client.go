package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options configure a Client. The zero value is usable.
type Options struct {
	// RetryFor is how long a request is retried after its first failure. If it is
	// 0, every failure is returned at once. It should be shorter than the topic's
	// idempotency_window_ms (by default two minutes): after that the server no
	// longer remembers an idempotency key, and a retried write may be appended
	// twice.
	RetryFor time.Duration
	// Retrying, if not nil, is called with each failure that will be retried, on
	// the goroutine that made the call.
	Retrying func(error)
	// Timeout bounds one attempt, in addition to the time that a long poll asks
	// the server to wait. It defaults to 30 s.
	Timeout time.Duration
	// Key is the API key sent with every request, if not empty.
	Key string
	// HTTP sends the requests. If it is nil, New makes one with a connection pool
	// of its own and without compression. It must have no Timeout if the client is
	// used for Watch. Unless it has a CheckRedirect, a redirect that would change
	// a request's method is not followed and becomes an *Error.
	HTTP *http.Client
}

const defaultTimeout = 30 * time.Second

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base     string // scheme://host[:port], no trailing slash
	bearer   string // value of the Authorization header, or empty
	http     *http.Client
	retryFor time.Duration
	retrying func(error)
	timeout  time.Duration
}

// New returns a client of the server at base, such as "http://127.0.0.1:4000".
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
		u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server address %q must be http://host:port", base)
	}
	if !visible(o.Key) {
		// Otherwise every request would fail in the transport, and would be retried
		// as if the network were at fault.
		return nil, errors.New("the API key may contain only visible ASCII characters")
	}
	c := &Client{
		base:     strings.TrimRight(base, "/"),
		retryFor: o.RetryFor,
		retrying: o.Retrying,
		timeout:  o.Timeout,
	}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	if o.Key != "" {
		c.bearer = "Bearer " + o.Key
	}
	var send http.Client
	if o.HTTP != nil {
		send = *o.HTTP
	} else {
		send.Transport = newTransport()
	}
	if send.CheckRedirect == nil {
		send.CheckRedirect = keepMethod
	}
	c.http = &send
	return c, nil
}

// newTransport returns the transport of a client without Options.HTTP.
func newTransport() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else { // the program has replaced the default transport
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	}
	// All requests go to one host, so the limit per host is the limit of the pool.
	// 256 is enough for the widest benchmark, and an unused slot costs nothing.
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	t.DisableCompression = true
	return t
}

// keepMethod is the CheckRedirect of a client without one. Most redirects turn
// a POST into a GET, whose answer could be mistaken for that of a write that
// never happened.
func keepMethod(r *http.Request, via []*http.Request) error {
	if r.Method != via[0].Method {
		return http.ErrUseLastResponse
	}
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	return nil
}

// visible reports whether s consists of visible ASCII characters.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one request to the server.
type call struct {
	method, path string
	query        url.Values
	body         []byte // JSON; may be nil
	wait         time.Duration
	// repeatable is set if repeating the call after an unknown outcome is
	// harmless.
	repeatable bool
	// confirm sets X-Confirm, which admin calls require.
	confirm bool
	accept  string // media type for the Accept header; may be empty
	media   string // of the body; JSON if empty
	lastID  string // Last-Event-ID of a resumed stream; may be empty
}

// decoder is implemented by answers that decode their own JSON.
type decoder interface{ decode(body []byte) error }

// do sends the call, with retries, and decodes a successful answer into out.
// Any other answer is returned as an *Error.
func (c *Client) do(ctx context.Context, cl call, out any) error {
	body, err := c.send(ctx, cl)
	if err != nil {
		return err
	}
	if d, ok := out.(decoder); ok {
		err = d.decode(body)
	} else {
		err = decodeNumbers(body, out)
	}
	if err != nil {
		return fmt.Errorf("%s %s: answer is not the expected JSON: %w", cl.method, cl.path, err)
	}
	return nil
}

// send repeats attempts until one succeeds, one fails in a way that must not be
// retried, or the time for retries is over.
func (c *Client) send(ctx context.Context, cl call) ([]byte, error) {
	var deadline time.Time // set on the first failure
	for n := 0; ; n++ {
		resp, body, err := c.attempt(ctx, cl)
		if err == nil && resp.StatusCode < 300 {
			return body, nil
		}
		if err == nil {
			err = readError(resp, body)
		}
		if ctx.Err() != nil || c.retryFor == 0 || !retryable(err, cl.repeatable) {
			return nil, err
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(c.retryFor)
		}
		if !time.Now().Before(deadline) {
			return nil, gaveUp(c.retryFor, err)
		}
		if c.retrying != nil {
			c.retrying(err)
		}
		if !sleep(ctx, min(pause(n, err), time.Until(deadline))) {
			return nil, fmt.Errorf("%w while waiting to try again after: %w", ctx.Err(), err)
		}
	}
}

// attempt sends the call once and reads the whole answer.
func (c *Client) attempt(ctx context.Context, cl call) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout+cl.wait,
		fmt.Errorf("no answer within %s", c.timeout+cl.wait))
	defer cancel()
	req, err := c.request(ctx, cl)
	if err != nil {
		return nil, nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := readBody(resp)
	if err != nil {
		return nil, nil, err
	}
	return resp, body, nil
}

// request returns the call as an HTTP request.
func (c *Client) request(ctx context.Context, cl call) (*http.Request, error) {
	u := c.base + cl.path
	if len(cl.query) > 0 {
		u += "?" + cl.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, u, bytes.NewReader(cl.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Strict", "true") // a name that the server does not know is a mistake of this package
	if cl.body != nil {
		req.Header.Set("Content-Type", cmp.Or(cl.media, "application/json"))
	}
	if cl.accept != "" {
		req.Header.Set("Accept", cl.accept)
	}
	if cl.confirm {
		req.Header.Set("X-Confirm", "true")
	}
	if cl.lastID != "" {
		req.Header.Set("Last-Event-ID", cl.lastID)
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", c.bearer)
	}
	return req, nil
}

// trustedLength is how much memory, in bytes, a Content-Length reserves before
// any of the body has arrived.
const trustedLength = 1 << 20

// readBody reads the whole body into one slice of about its size.
func readBody(resp *http.Response) ([]byte, error) {
	var b bytes.Buffer
	if n := min(resp.ContentLength, trustedLength); n > 0 {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err := b.ReadFrom(resp.Body)
	return b.Bytes(), err
}

func topicPath(topic string) string { return "/v0/topics/" + url.PathEscape(topic) }

// decodeNumbers decodes JSON, and keeps numbers in interface values exact.
func decodeNumbers(body []byte, out any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return d.Decode(out)
}
