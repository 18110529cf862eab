package api

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
)

// http2Preface begins every connection of HTTP/2; empty SETTINGS follow it.
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// Types of frames of HTTP/2 beside those of TestStalledStreams, and flags.
const (
	frameData, framePriority, framePush, framePing, frameGoAway, frameWindow, frameContinuation = 0, 2, 5, 6, 7, 8, 9

	endStream, endHeaders, padded = 0x1, 0x4, 0x8
)

// h2frame renders a frame.
func h2frame(kind, flags byte, stream uint32, payload string) string {
	n := len(payload)
	b := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}
	return string(binary.BigEndian.AppendUint32(b, stream)) + payload
}

// h2fields renders header fields, each a literal that is not indexed, with names and
// values of fewer than 127 bytes.
func h2fields(fields ...string) string {
	var b strings.Builder
	for i := 0; i < len(fields); i += 2 {
		b.WriteByte(0)
		for _, text := range fields[i : i+2] {
			b.WriteByte(byte(len(text)))
			b.WriteString(text)
		}
	}
	return b.String()
}

// h2get renders a GET of the topic t with more header fields.
func h2get(more ...string) string {
	fields := append([]string{":method", "GET", ":scheme", "http", ":path", "/v0/topics/t", ":authority", "localhost"}, more...)
	return h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(fields...))
}

// h2post renders the header of a write to the topic t, and what follows it.
func h2post(rest string, more ...string) string {
	fields := append([]string{":method", "POST", ":scheme", "http", ":path", "/v0/topics/t", ":authority", "localhost", "content-type", "application/json"}, more...)
	return h2frame(frameHeaders, endHeaders, 1, h2fields(fields...)) + rest
}

// h2odd are requests over HTTP/2 that a proxy and the server after it may understand in
// two ways, that break the protocol, or that are unusual, with what comes of each: a
// status, the end of the stream, or that of the connection.
var h2odd = map[string]struct{ frames, outcome string }{
	"a usual one":                 {h2get(), "200"},
	"another host":                {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":scheme", "http", ":path", "/v0/topics/t", ":authority", "evil.test")), "another status"},
	"no host":                     {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":scheme", "http", ":path", "/v0/topics/t")), "200"},
	"the field Host for it":       {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":scheme", "http", ":path", "/v0/topics/t", "host", "localhost")), "200"},
	"a host with a user":          {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":scheme", "http", ":path", "/v0/topics/t", ":authority", "a@localhost")), "reset"},
	"no method":                   {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":scheme", "http", ":path", "/v0/topics/t", ":authority", "localhost")), "reset"},
	"no path":                     {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":scheme", "http", ":authority", "localhost")), "reset"},
	"an empty path":               {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":scheme", "http", ":path", "", ":authority", "localhost")), "reset"},
	"a path without a slash":      {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":scheme", "http", ":path", "v0/topics/t", ":authority", "localhost")), "reset"},
	"a path with a line":          {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":scheme", "http", ":path", "/v0/topics/t HTTP/1.1\r\nA: b", ":authority", "localhost")), "reset"},
	"a method with a line":        {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "DELETE /v0/topics/t HTTP/1.1\r\n", ":scheme", "http", ":path", "/", ":authority", "localhost")), "reset"},
	"no scheme":                   {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":path", "/v0/topics/t", ":authority", "localhost")), "reset"},
	"two methods":                 {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", ":method", "DELETE", ":scheme", "http", ":path", "/v0/topics/t", ":authority", "localhost")), "reset"},
	"two paths":                   {h2get(":path", "/v0/health"), "reset"},
	"a path after a field":        {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "GET", "accept", "a", ":scheme", "http", ":path", "/v0/topics/t", ":authority", "localhost")), "reset"},
	"an unknown field like those": {h2get(":status", "200"), "reset"},
	"CONNECT":                     {h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":method", "CONNECT", ":authority", "localhost:80")), "404"},
	"a socket":                    {h2frame(frameHeaders, endHeaders, 1, h2fields(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/v0/ws", ":authority", "localhost")), "reset"},
	"a name in upper case":        {h2get("Accept", "a"), "reset"},
	"a name with a space":         {h2get("content-length ", "2"), "reset"},
	"a name with a colon":         {h2get("a:b", "c"), "reset"},
	"an empty name":               {h2get("", "a"), "reset"},
	"a value with a line":         {h2get("a", "b\r\nContent-Length: 9"), "reset"},
	"a value with a NUL":          {h2get("a", "b\x00"), "reset"},
	"Connection":                  {h2get("connection", "close"), "400"},
	"Transfer-Encoding":           {h2post(h2frame(frameData, endStream, 1, "0\r\n\r\n"), "transfer-encoding", "chunked"), "400"},
	"Upgrade":                     {h2get("upgrade", "websocket"), "400"},
	"TE":                          {h2get("te", "gzip"), "400"},
	"TE for trailers":             {h2get("te", "trailers"), "200"},
	"a body of a GET":             {strings.Replace(h2get(), "\x01\x05", "\x01\x04", 1) + h2frame(frameData, endStream, 1, "{}"), "200"},
	"a write":                     {h2post(h2frame(frameData, endStream, 1, `{"records":[]}`), "content-length", "14"), "400"},
	"a longer body":               {h2post(h2frame(frameData, endStream, 1, `{"records":[{}]}`), "content-length", "2"), "reset"},
	"a shorter body":              {h2post(h2frame(frameData, endStream, 1, `{}`), "content-length", "16"), "400"},
	"two lengths":                 {h2post(h2frame(frameData, endStream, 1, `{}`), "content-length", "2", "content-length", "3"), "400"},
	"a length with a sign":        {h2post(h2frame(frameData, endStream, 1, `{}`), "content-length", "+2"), "400 or reset"}, // as none: the answer and the body race
	"a length and no body":        {h2get("content-length", "5"), "200"},
	"padding":                     {h2post(h2frame(frameData, endStream|padded, 1, "\x03{}\x00\x00\x00")), "400"},
	"padding that is too long":    {h2post(h2frame(frameData, endStream|padded, 1, "\x09{}")), "end"},
	"trailers":                    {h2post(h2frame(frameData, 0, 1, "{}") + h2frame(frameHeaders, endStream|endHeaders, 1, h2fields("a", "b"))), "400"},
	"a path in trailers":          {h2post(h2frame(frameData, 0, 1, "{}") + h2frame(frameHeaders, endStream|endHeaders, 1, h2fields(":path", "/"))), "reset"},
	"trailers without an end":     {h2post(h2frame(frameData, 0, 1, "{}") + h2frame(frameHeaders, endHeaders, 1, h2fields("a", "b"))), "reset"},
	"a body without a request":    {h2frame(frameData, endStream, 1, "{}"), "end"},
	"an even stream":              {h2frame(frameHeaders, endStream|endHeaders, 2, h2fields(":method", "GET", ":scheme", "http", ":path", "/v0/topics/t", ":authority", "localhost")), "end"},
	"stream 0":                    {h2frame(frameHeaders, endStream|endHeaders, 0, h2fields(":method", "GET", ":scheme", "http", ":path", "/v0/topics/t", ":authority", "localhost")), "end"},
	"an earlier stream":           {strings.Replace(h2get(), "\x05\x00\x00\x00\x01", "\x05\x00\x00\x00\x03", 1) + h2get(), "end"},
	"a push":                      {h2frame(framePush, endHeaders, 1, "\x00\x00\x00\x02"), "end"},
	"settings of odd length":      {h2frame(frameSettings, 0, 0, "\x00"), "end"},
	"a window of nothing":         {h2frame(frameWindow, 0, 0, "\x00\x00\x00\x00"), "end"},
	"a window that is too large":  {h2frame(frameWindow, 0, 0, "\x7f\xff\xff\xff"), "end"},
	"a ping of odd length":        {h2frame(framePing, 0, 0, "a"), "end"},
	"a reset of stream 0":         {h2frame(frameReset, 0, 0, "\x00\x00\x00\x00"), "end"},
	"a continuation of nothing":   {h2frame(frameContinuation, endHeaders, 1, h2fields("a", "b")), "end"},
	"something in a header":       {h2frame(frameHeaders, endStream, 1, h2fields(":method", "GET")) + h2frame(framePing, 0, 0, "12345678"), "end"},
	"a frame that is too large":   {h2post(h2frame(frameData, endStream, 1, strings.Repeat(" ", 2<<20))), "end"},
	"a malformed field":           {h2frame(frameHeaders, endStream|endHeaders, 1, "\xff\xff\xff\xff\xff\xff"), "end"},
	"an unknown index":            {h2frame(frameHeaders, endStream|endHeaders, 1, "\xff\x80\x01"), "end"},
	"a table that is too large":   {h2frame(frameHeaders, endStream|endHeaders, 1, "\x3f\xe1\xff\x7f"), "end"},
	"a header without an end":     {h2frame(frameHeaders, endStream, 1, h2fields(":method", "GET")) + strings.Repeat(h2frame(frameContinuation, 0, 1, h2fields("a", strings.Repeat("b", 120))), 10_000), "end"},
	"an unknown frame":            {h2frame(0x99, 0xff, 1, "what?") + h2get(), "200"},
	"a priority of itself":        {h2frame(framePriority, 0, 1, "\x00\x00\x00\x01\x00"), "reset"},
}

// Requests over HTTP/2 that may be understood in two ways, or break the protocol, are
// answered, end their stream, or end their connection; and nothing that they carry is
// done.
func TestOddRequestsOverHTTP2(t *testing.T) {
	s, _ := openServer(nil)
	do(s, "PUT", "/v0/topics/t", `{}`)
	do(s, "POST", "/v0/topics/t", `{"records":[{}]}`)
	before := volatile.ReplaceAllString(do(s, "GET", "/v0/topics/t", "").Body.String(), "")
	addr, _ := listen(t, s, s.HTTPServer())
	var rows sync.WaitGroup // the end of a connection takes its time
	for name, odd := range h2odd {
		rows.Go(func() {
			nc, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			_ = nc.SetDeadline(time.Now().Add(patience))
			go func() { _, _ = io.WriteString(nc, http2Preface+odd.frames) }() // the server may not read all
			if got := h2outcome(nc); !slices.Contains(strings.Split(odd.outcome, " or "), got) {
				t.Errorf("%s: %s, want %s", name, got, odd.outcome)
			}
		})
	}
	rows.Wait()
	if got := volatile.ReplaceAllString(do(s, "GET", "/v0/topics/t", "").Body.String(), ""); got != before {
		t.Errorf("the topic is %s, was %s", got, before)
	}
}

// h2outcome reads what a server sends until there is an answer, or an end.
func h2outcome(nc net.Conn) string {
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(nc, head); err != nil {
			return "end"
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(nc, payload); err != nil {
			return "end"
		}
		stream := binary.BigEndian.Uint32(head[5:])
		switch {
		case head[3] == frameGoAway:
			return "end"
		case stream != 1:
		case head[3] == frameReset:
			return "reset"
		case head[3] == frameHeaders:
			return h2status(payload)
		}
	}
}

// h2status returns the status that a block of header fields begins with, if it is one
// that HTTP/2 has an index for.
func h2status(block []byte) string {
	for i, status := range []string{"200", "204", "206", "304", "400", "404", "500"} {
		if len(block) > 0 && block[0] == byte(0x88+i) {
			return status
		}
	}
	return "another status"
}

// FuzzHTTP2 sends frames to a server that needs a key. Whatever they are, they change
// nothing, nothing panics, and the next connection is served.
func FuzzHTTP2(f *testing.F) {
	for _, odd := range h2odd {
		if len(odd.frames) < 1<<12 {
			f.Add([]byte(odd.frames))
		}
	}
	logged := new(panics)
	keys, err := auth.Parse("secret")
	if err != nil {
		f.Fatal(err)
	}
	s, _ := openServer(func(o *Options) { o.Keys = keys })
	srv := s.HTTPServer()
	srv.ErrorLog.SetOutput(logged)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(s.Listen(l)) }()
	f.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
	if w := do(s, "PUT", "/v0/topics/t", `{}`, "Authorization", "Bearer secret"); w.Code != http.StatusCreated {
		f.Fatal(w.Code, w.Body)
	}
	f.Fuzz(func(t *testing.T, frames []byte) {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(patience))
		go func() {
			_, _ = nc.Write(append([]byte(http2Preface), frames...))
			_ = nc.(*net.TCPConn).CloseWrite()
		}()
		for outcome := ""; outcome != "end"; {
			outcome = h2outcome(nc) // not what comes after GOAWAY, which takes a second
		}
		if err := logged.first(); err != "" {
			t.Fatal(err)
		}
		if w := do(s, "GET", "/v0/topics?prefix=", "", "Authorization", "Bearer secret"); !strings.Contains(w.Body.String(), `"topic":"t"`) || strings.Count(w.Body.String(), `"topic":`) != 1 {
			t.Fatal(w.Code, w.Body)
		}
	})
}

// panics is a log that keeps the first line of a panic.
type panics struct {
	mu   sync.Mutex
	line string
}

func (p *panics) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == "" && strings.Contains(string(b), "panic") {
		p.line = string(b)
	}
	return len(b), nil
}

func (p *panics) first() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line
}
