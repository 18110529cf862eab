package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/wire"
)

// Requests that net/http refuses are answered in the envelope, and a client that is
// still sending receives the answer.
func TestRefusalsBeforeThereIsARequest(t *testing.T) {
	s, _ := openServer(nil)
	addr, _ := serve(t, s)
	long := strings.Repeat("x", 200<<10)
	for _, row := range []struct {
		name, request string
		status        int
		code, message string
	}{
		{"no request", "hello, is anybody there?\r\n\r\n", 400, "invalid_request", "the request is malformed"},
		{"no host", "GET /v0/health HTTP/1.1\r\n\r\n", 400, "invalid_request", "missing required Host header"},
		{"two hosts", "GET /v0/health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "invalid_request", "the request is malformed"},
		{"a malformed path", "GET /v0/topics/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "invalid_request", "the request is malformed"},
		{"a malformed header", "GET / HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n", 400, "invalid_request", "invalid header name"},
		{"a malformed length", "POST /v0/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400, "invalid_request", "the request is malformed"},
		{"and much more after it", "GET / HTTP/1.1\r\n\r\n" + long, 400, "invalid_request", "missing required Host header"},
		{"a long header", "GET / HTTP/1.1\r\nHost: localhost\r\nA: " + long + "\r\n\r\n", 431, "header_too_large", "the header is larger than 65536 bytes"},
		{"a coding", "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented", "Unsupported transfer encoding"},
		{"a version", "GET / HTTP/3.1\r\nHost: localhost\r\n\r\n", 505, "http_version_not_supported", "unsupported protocol version"},
		{"an expectation", "GET / HTTP/1.1\r\nHost: localhost\r\nExpect: a miracle\r\n\r\n", 417, "invalid_request", "Expect: only 100-continue is supported"},
	} {
		for _, before := range []string{"", "GET /v0/health HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
			t.Run(fmt.Sprintf("%s, after a request: %t", row.name, before != ""), func(t *testing.T) {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				in := bufio.NewReader(conn)
				if before != "" {
					if _, err := io.WriteString(conn, before); err != nil {
						t.Fatal(err)
					}
					readAnswer(t, in, http.StatusOK)
				}
				if _, err := io.WriteString(conn, row.request); err != nil {
					t.Fatal(err)
				}
				resp, body := readAnswer(t, in, row.status)
				var answer struct {
					Error struct {
						Code    string
						Message string
					}
					Performance *struct{}
				}
				if err := json.Unmarshal(body, &answer); err != nil {
					t.Fatalf("%q: %v", body, err)
				}
				if answer.Error.Code != row.code || answer.Error.Message != row.message || answer.Performance == nil {
					t.Errorf("%s", body)
				}
				if typ := resp.Header.Get("Content-Type"); typ != wire.MediaJSON || !resp.Close {
					t.Errorf("%s, the connection is closed: %t", typ, resp.Close)
				}
				if _, err := in.ReadByte(); err != io.EOF {
					t.Errorf("after it: %v", err)
				}
			})
		}
	}
}

func readAnswer(t *testing.T, in *bufio.Reader, status int) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("%d %s %v", resp.StatusCode, body, err)
	}
	return resp, body
}

// Answers of handlers are not changed.
func TestOnlyNetHTTPsOwnAnswersAreRendered(t *testing.T) {
	s, _ := openServer(nil)
	addr, _ := serve(t, s)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v0/topics/none HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, body := readAnswer(t, bufio.NewReader(conn), http.StatusNotFound)
	if resp.Header.Get("Date") == "" || !strings.Contains(string(body), "topic_not_found") || resp.Close {
		t.Errorf("%v %s", resp.Header, body)
	}
}
