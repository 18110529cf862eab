package conform

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
)

// Handler is h with each of its answers checked once it is complete. report may
// be called from several goroutines.
func Handler(h http.Handler, report func(error)) http.Handler {
	d := Load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := Answer{Method: r.Method, Path: r.URL.EscapedPath()} // the handler may change r
		tap := &tap{ResponseWriter: w}
		h.ServeHTTP(tap, r) // if it panics, the answer is not complete
		if tap.status == 0 {
			tap.status = http.StatusOK
		}
		a.Status, a.Header, a.Body = tap.status, w.Header(), tap.body.Bytes()
		if err := d.Check(&a); err != nil {
			report(err)
		}
	})
}

// tap keeps a copy of an answer, unless it is a stream.
type tap struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (t *tap) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (t *tap) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	if isJSON(t.Header()) {
		t.body.Write(b)
	}
	return t.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what is below.
func (t *tap) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Flush implements http.Flusher.
func (t *tap) Flush() { _ = http.NewResponseController(t.ResponseWriter).Flush() }

// Hijack implements http.Hijacker.
func (t *tap) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(t.ResponseWriter).Hijack()
}

func isJSON(h http.Header) bool { return strings.HasPrefix(h.Get("Content-Type"), "application/json") }

// Transport is a transport with each answer checked as it comes. Answers that
// are not JSON are not read.
func Transport(t http.RoundTripper, report func(error)) http.RoundTripper {
	return transport{t, report}
}

type transport struct {
	http.RoundTripper
	report func(error)
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	a := Answer{Method: r.Method, Path: r.URL.EscapedPath(), Status: resp.StatusCode, Header: resp.Header}
	if isJSON(resp.Header) {
		var cut error
		a.Body, cut = io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it has been read
		resp.Body = &replay{bytes.NewReader(a.Body), cut}
		if cut != nil {
			return resp, nil
		}
	}
	if err := Load().Check(&a); err != nil {
		t.report(err)
	}
	return resp, nil
}

// CloseIdleConnections lets http.Client reach what is below.
func (t transport) CloseIdleConnections() {
	if c, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// replay is a body that has been read, and the error at its end.
type replay struct {
	*bytes.Reader
	cut error
}

// Read implements io.Reader.
func (r *replay) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err == io.EOF && r.cut != nil {
		err = r.cut
	}
	return n, err
}

// Close implements io.Closer.
func (r *replay) Close() error { return nil }
