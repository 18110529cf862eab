package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say how a Client behaves. The zero value is usable.
type Options struct {
	// RetryFor is how long a request is tried again after its first failure.
	// 0: every failure is the caller's at once. Writes with an idempotency key
	// are appended once only if it is shorter than the topic's
	// idempotency_window_ms (two minutes, if nothing else is said), behind which
	// the server has forgotten the key.
	RetryFor time.Duration
	// Retrying, when not nil, is told each failure that is going to be retried,
	// from whichever goroutine the call is made on.
	Retrying func(error)
	// Timeout bounds one attempt, on top of the wait that a long poll asks
	// for. 0 means 30 s.
	Timeout time.Duration
	// Key is the API key that goes with every request; empty: none.
	Key string
	// HTTP is the client to send with; nil means one with its own pool of
	// connections, without compression. It must have no Timeout of its own if
	// it is to Watch. Unless it says otherwise, a redirect that would make
	// another method of a request is not followed, and an *Error.
	HTTP *http.Client
}

const defaultTimeout = 30 * time.Second

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base     string // scheme://host[:port], no trailing slash
	bearer   string // of the Authorization header; empty: none
	http     *http.Client
	retryFor time.Duration
	retrying func(error)
	timeout  time.Duration
}

// New makes a client of the server at base, such as "http://127.0.0.1:4000".
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
		u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server address %q must be http://host:port", base)
	}
	if !visible(o.Key) {
		// It would be refused at every attempt, each time as if the network
		// were to blame.
		return nil, errors.New("the API key has characters that no key has: only visible ASCII, no line end")
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

// newTransport makes the transport of a client that was given none.
func newTransport() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else { // the program has put another one there
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	}
	// One host only, so the pool per host is the pool. 256 covers the widest
	// benchmark; idle connections cost nothing else.
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	t.DisableCompression = true
	return t
}

// keepMethod is the http.Client.CheckRedirect of a client without one. Of a
// POST most redirects make a GET, whose answer would pass for that of a write
// that was never done.
func keepMethod(r *http.Request, via []*http.Request) error {
	if r.Method != via[0].Method {
		return http.ErrUseLastResponse
	}
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	return nil
}

// visible reports whether s is visible ASCII.
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
	body         []byte // JSON; nil: none
	wait         time.Duration
	// repeatable says that a repeat after an unknown outcome does no harm.
	repeatable bool
	// confirm says that it is meant, as admin calls must.
	confirm bool
	accept  string // media type; empty: none is asked for
	lastID  string // of the stream that is taken up again; empty: none
}

// decoder is an answer that knows its own JSON.
type decoder interface{ decode(body []byte) error }

// do sends the call, again if the retry rules allow, and decodes a success
// into out. Everything else is an error, *Error if the server said it.
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

// send repeats attempts until one succeeds, may not be repeated, or the time
// for retries is over.
func (c *Client) send(ctx context.Context, cl call) ([]byte, error) {
	var deadline time.Time // set at the first failure
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

// request renders the call.
func (c *Client) request(ctx context.Context, cl call) (*http.Request, error) {
	u := c.base + cl.path
	if len(cl.query) > 0 {
		u += "?" + cl.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, u, bytes.NewReader(cl.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Strict", "true") // a name that the server does not know is a mistake here
	if cl.body != nil {
		req.Header.Set("Content-Type", "application/json")
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

// trustedLength is how much memory a Content-Length gets before its bytes are
// there.
const trustedLength = 1 << 20

// readBody reads an answer into one slice of about its size.
func readBody(resp *http.Response) ([]byte, error) {
	var b bytes.Buffer
	if n := min(resp.ContentLength, trustedLength); n > 0 {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err := b.ReadFrom(resp.Body)
	return b.Bytes(), err
}

func topicPath(topic string) string { return "/v0/topics/" + url.PathEscape(topic) }

// decodeNumbers decodes JSON, keeping numbers of unknown shape exact.
func decodeNumbers(body []byte, out any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return d.Decode(out)
}
