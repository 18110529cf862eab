package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
)

// sendFirst sends a whole request over a connection of its own before it looks
// for the answer, as many clients do.
func sendFirst(addr, method, path string, header http.Header, size int, chunked bool) (*http.Response, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	req, err := http.NewRequest(method, "http://"+addr+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header.Clone()
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	body := io.Reader(io.LimitReader(spaces{}, int64(size)))
	req.Body, req.ContentLength = io.NopCloser(body), int64(size)
	if chunked {
		req.ContentLength = -1
	}
	if size == 0 && !chunked {
		req.Body = nil
	}
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return nil, fmt.Errorf("the answer: %w", err)
	}
	all, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(all))
	return resp, err
}

// spaces is white space without end: no JSON begins in it.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestEarlyAnswersAreRead sends requests that are refused before their bodies
// are read, with bodies of all sizes, by clients that send everything first:
// they must find the answer.
func TestEarlyAnswersAreRead(t *testing.T) {
	keys, err := auth.Parse("reader:r,writer:w,admin:a")
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{0, 64 << 10, 5 << 20}
	if !testing.Short() {
		sizes = append(sizes, 60<<20)
	}
	opened := func(most int64, keys *auth.Keys) func() *Server {
		return func() *Server {
			s, _ := openServer(func(o *Options) { o.Keys, o.Limits.MaxBodyBytes, o.Limits.BodyTimeout = keys, most, 2*patience })
			return s
		}
	}
	open, keyed, tight := opened(61<<20, nil), opened(61<<20, keys), opened(4<<20, nil)
	starting := func() *Server {
		w := newWorld()
		w.progress = phases["replaying"]
		return opsServer(w, func(o *Options) { o.Limits.MaxBodyBytes, o.Limits.BodyTimeout = 61<<20, 2*patience })
	}
	stopping := func() *Server {
		s := open()
		s.bounds.LastRest = patience // none of the clients is cut off, however slow the machine is
		s.StopServing()
		return s
	}

	plain := func(more ...string) http.Header {
		h := http.Header{"Content-Type": {wire.MediaJSON}}
		for i := 0; i+1 < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	for _, tc := range []struct {
		name   string
		server func() *Server
		method string
		path   string
		header http.Header
		status int
		least  int // size of the smallest body that is refused so
	}{
		{"no key", keyed, "POST", "/v0/topics/t", plain(), 401, 0},
		{"no scope", keyed, "POST", "/v0/topics/t", plain("Authorization", "Bearer reader"), 403, 0},
		{"no route", open, "POST", "/v0/nowhere", plain(), 404, 0},
		{"no such method", open, "POST", "/v0/routers", plain(), 405, 0},
		{"no confirmation", open, "POST", "/v0/admin/checkpoint", plain(), 400, 0},
		{"another name", open, "POST", "/v0/topics/t", plain("Host", "evil.example"), 421, 0},
		{"another media type", open, "POST", "/v0/topics/t", plain("Content-Type", "text/plain"), 415, 1},
		{"another coding", open, "POST", "/v0/topics/t", plain("Content-Encoding", "br"), 415, 1},
		{"two codings", open, "POST", "/v0/topics/t", plain("Content-Encoding", "gzip, zstd"), 415, 1},
		{"no gzip", open, "POST", "/v0/topics/t", plain("Content-Encoding", "gzip"), 400, 1},
		{"too large", tight, "POST", "/v0/topics/t", plain(), 413, 5 << 20},
		{"not ready", starting, "POST", "/v0/topics/t", plain(), 503, 0},
		{"shutting down", stopping, "POST", "/v0/topics/t", plain(), 503, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr, _ := serve(t, tc.server())
			for _, size := range sizes {
				if size < tc.least || tc.name == "too large" && size > 8<<20 {
					continue
				}
				for _, chunked := range []bool{false, true} {
					resp, err := sendFirst(addr, tc.method, tc.path, tc.header, size, chunked)
					if err != nil {
						t.Errorf("%d bytes, chunked %t: %v", size, chunked, err)
						continue
					}
					body, _ := io.ReadAll(resp.Body)
					if resp.StatusCode != tc.status || !bytes.Contains(body, []byte(`{"error":{"code":`)) {
						t.Errorf("%d bytes, chunked %t: %d %.200s", size, chunked, resp.StatusCode, body)
					}
				}
				for proto, client := range clients(t) {
					if proto == "HTTP/1.1" {
						continue
					}
					req, err := http.NewRequest(tc.method, "http://"+addr+tc.path, io.LimitReader(spaces{}, int64(size)))
					if err != nil {
						t.Fatal(err)
					}
					req.Header, req.ContentLength = tc.header.Clone(), int64(size)
					if host := tc.header.Get("Host"); host != "" {
						req.Host = host
					}
					resp, err := client.Do(req)
					if err != nil {
						t.Errorf("%s, %d bytes: %v", proto, size, err)
						continue
					}
					body, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if err != nil || resp.StatusCode != tc.status || !bytes.Contains(body, []byte(`{"error":{"code":`)) {
						t.Errorf("%s, %d bytes: %d %.200s %v", proto, size, resp.StatusCode, body, err)
					}
				}
			}
		})
	}
}

// What comes chunked and without a type is refused at its first byte.
func TestUntypedBodyIsNotRead(t *testing.T) {
	s, _ := openServer(nil)
	addr, _ := serve(t, s)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "POST /v0/topics/t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, " 415 ") {
		t.Errorf("%q, %v", line, err)
	}
}

// A server that stops does not wait for what a client is still sending of a
// request that it has answered before.
func TestRestsEndWithTheServer(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.BodyTimeout = time.Hour })
	addr, _ := serve(t, s)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "POST /v0/nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n", 1<<20)
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	s.StopServing()
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the connection is still open: %v", err)
	}
}
