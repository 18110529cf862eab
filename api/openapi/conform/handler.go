package conform

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strings"
)

// Handler returns a handler that calls h and checks each complete answer.
// report may be called from several goroutines.
func Handler(h http.Handler, report func(error)) http.Handler {
	d := Load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := Answer{Method: r.Method, Path: r.URL.EscapedPath()} // before h can change r
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

// tap keeps a copy of an answer's JSON body.
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

// Unwrap gives http.ResponseController access to the underlying writer.
func (t *tap) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Flush implements http.Flusher.
func (t *tap) Flush() { _ = http.NewResponseController(t.ResponseWriter).Flush() }

// Hijack implements http.Hijacker.
func (t *tap) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(t.ResponseWriter).Hijack()
}

func isJSON(h http.Header) bool { return strings.HasPrefix(h.Get("Content-Type"), "application/json") }
