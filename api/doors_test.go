package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// oddRequests are requests that servers, or a proxy and the server after it, may
// understand in two ways, and others that are unusual. Each ends its connection or
// asks for that.
var oddRequests = map[string]string{
	"a usual one":          "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"a write":              "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{\"records\":[{}]}",
	"HEAD":                 "HEAD /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"OPTIONS":              "OPTIONS /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"OPTIONS of all":       "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"no route":             "GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"another method":       "PUT /v0/topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	"an unknown method":    "BREW /v0/topics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"another host":         "GET /v0/topics/t HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n",
	"a whole URL":          "GET http://localhost/v0/topics/t HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n",
	"two slashes":          "GET //v0/topics/t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"escapes":              "GET /v0/topics/%74%2F HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"a malformed escape":   "GET /v0/topics/%7 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"dots":                 "GET /v0/topics/../topics/t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"an empty query":       "GET /v0/topics/t? HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"no media type":        "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
	"a body of a GET":      "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
	"no JSON":              "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
	"a socket":             "GET /v0/ws HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"a session":            "GET /v0/watch/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"chunks":               "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n10\r\n{\"records\":[{}]}\r\n0\r\n\r\n",
	"chunks and a length":  "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n10\r\n{\"records\":[{}]}\r\n0\r\n\r\n",
	"two codings":          "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
	"a strange coding":     "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
	"two lengths":          "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\n{}",
	"a list of lengths":    "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2,2\r\n\r\n{}",
	"a length with a sign": "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: +2\r\n\r\n{}",
	"a length with zeros":  "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 002\r\nConnection: close\r\n\r\n{}",
	"a length of words":    "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: two\r\n\r\n{}",
	"no host":              "GET /v0/topics/t HTTP/1.1\r\n\r\n",
	"two hosts":            "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
	"a strange host":       "GET /v0/topics/t HTTP/1.1\r\nHost: localhost/x\r\nConnection: close\r\n\r\n",
	"a folded line":        "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\nConnection: close\r\n\r\n",
	"a folded host":        "GET /v0/topics/t HTTP/1.1\r\nHost:\r\n localhost\r\nConnection: close\r\n\r\n",
	"a space after a name": "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length : 2\r\n\r\n{}",
	"a space before one":   "GET /v0/topics/t HTTP/1.1\r\n Host: localhost\r\n\r\n",
	"LF alone":             "GET /v0/topics/t HTTP/1.1\nHost: localhost\nConnection: close\n\n",
	"CR alone":             "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nA: b\rContent-Length: 9\r\n\r\n",
	"a NUL":                "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nA: \x00\r\n\r\n",
	"no ASCII":             "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nA: \xff\r\nConnection: close\r\n\r\n",
	"HTTP/1.0":             "GET /v0/topics/t HTTP/1.0\r\n\r\n",
	"HTTP/1.2":             "GET /v0/topics/t HTTP/1.2\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"HTTP/0.9":             "GET /v0/topics/t\r\n\r\n",
	"HTTP/11":              "GET /v0/topics/t HTTP/11\r\nHost: localhost\r\n\r\n",
	"an old upgrade":       "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
	"an expectation":       "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{\"records\":[{}]}",
	"a trailer":            "GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nTrailer: Host\r\nConnection: close\r\n\r\n",
	"an early line end":    "\r\nGET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"after a POST, line ends": "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"records\":[{}]}\r\n" +
		"GET /v0/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"a request in a body": "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 47\r\nConnection: close\r\n\r\nDELETE /v0/topics/t HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"a large body":        "POST /v0/topics/none/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\nConnection: close\r\n\r\n" + strings.Repeat(" ", 300_000),
	"TLS":                 "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
}

// volatile is what differs from answer to answer.
var volatile = regexp.MustCompile(`Date: [^\r]*|_ms":[0-9.]+|"(first_seq|last_seq|head_seq|next_seq|count|bytes|seqs|records)":[^,}]*|Content-Length: [0-9]+`)

// serveDirect serves a port by net/http alone until the test ends.
func serveDirect(t *testing.T, s *Server) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain := s.HTTPServer().Server
	served := make(chan error, 1)
	go func() { served <- plain.Serve(s.Listen(l)) }()
	t.Cleanup(func() {
		_ = plain.Shutdown(context.Background())
		<-served
	})
	return l.Addr().String()
}

// Requests that may be understood in two ways are answered through the loop for
// usual requests as through net/http alone, byte for byte.
func TestBothDoorsAnswerAlike(t *testing.T) {
	s, _ := openServer(nil)
	do(s, "PUT", "/v0/topics/t", `{}`)
	do(s, "POST", "/v0/topics/t", `{"records":[{}]}`)
	usual, _ := listen(t, s, s.HTTPServer())
	direct := serveDirect(t, s)
	ask := func(addr, request string) string {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			return ""
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(nc, request); err != nil {
			t.Error(err)
		}
		b, err := io.ReadAll(nc)
		if err != nil {
			t.Errorf("%v after %.200q", err, b)
		}
		return volatile.ReplaceAllString(string(b), "")
	}
	const before = "GET /v0/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
	var rows sync.WaitGroup // a refusal takes its time
	for name, request := range oddRequests {
		for _, first := range []string{"", before} {
			rows.Go(func() {
				if got, want := ask(usual, first+request), ask(direct, first+request); got != want {
					t.Errorf("%s, after a request: %t\n got %.700q\nwant %.700q", name, first != "", got, want)
				}
			})
		}
	}
	rows.Wait()
	if status := do(s, http.MethodGet, "/v0/topics/t", "").Code; status != http.StatusOK {
		t.Errorf("the topic is gone: %d", status)
	}
}
