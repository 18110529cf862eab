package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/http1"
	"github.com/e6e95bb8/topics/api/wire"
	"go.uber.org/goleak"
)

// serve runs the server on a port of its own and ends it with the test.
func serve(t *testing.T, s *Server) (addr string, shutdown func()) {
	t.Helper()
	srv := s.HTTPServer()
	srv.Handler = described(srv.Handler, func(err error) { t.Error(err) })
	return listen(t, s, srv)
}

// listen is serve without a look at the answers.
func listen(t *testing.T, s *Server, srv *http1.Server) (addr string, shutdown func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(s.Listen(l)) }()
	stopped := false
	shutdown = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	}
	t.Cleanup(func() {
		shutdown()
		goleak.VerifyNone(t)
	})
	return l.Addr().String(), shutdown
}

// dialer returns a function that makes connections, which are closed when the test
// ends. A server that shuts down would wait a second for those of HTTP/2.
func dialer(t *testing.T) func(ctx context.Context, network, addr string) (net.Conn, error) {
	var mu sync.Mutex
	var conns []net.Conn
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close() // the client may have closed it
		}
	})
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, c)
		}
		return c, err
	}
}

// clients is one client for each protocol of the port.
func clients(t *testing.T) map[string]*http.Client {
	out := map[string]*http.Client{}
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "h2c": true} {
		var p http.Protocols
		p.SetHTTP1(!http2)
		p.SetUnencryptedHTTP2(http2)
		tr := &http.Transport{Protocols: &p, DisableCompression: true, DialContext: dialer(t)}
		out[name] = &http.Client{Transport: tr}
	}
	return out
}

func TestOnTheWire(t *testing.T) {
	s, _ := openServer(nil)
	addr, _ := serve(t, s)
	for proto, client := range clients(t) {
		for _, tc := range []struct {
			method, target, body, media string
			status                      int
			want                        string // in the body
			header                      string // name: value
		}{
			{"PUT", "/v0/topics/wire", `{}`, wire.MediaJSON, 0, `"topic":"wire"`, "Content-Type: application/json"},
			{"POST", "/v0/topics/wire", `{"records":[{}]}`, "application/json; charset=utf-8", 200, `"count":1`, ""},
			{"POST", "/v0/topics/wire", `{"records":[{}]}`, "APPLICATION/JSON ;x=y", 200, `"count":1`, ""},
			{"POST", "/v0/topics/w%69re", `{"records":[{}]}`, wire.MediaJSON, 200, `"topic":"wire"`, ""},
			{"GET", "/v0/t%6fpics/%77ire", "", "", 200, `"topic":"wire"`, ""},
			{"GET", "/v0/topics/render%3Aa/diff", "", "", 404, `topic_not_found`, ""},
			{"GET", "/v0/topics/a%2Fb", "", "", 400, `invalid_request`, ""},
			{"GET", "/v0/topics/a%2fdiff", "", "", 400, `invalid_request`, ""},
			{"GET", "/v0/topics/a%252F", "", "", 400, `\"a%2F\"`, ""},
			{"GET", "/v0/topics/a%25%2F", "", "", 400, `\"a%/\"`, ""},
			{"GET", "/v0/topics/%00%ff", "", "", 400, `invalid_request`, ""},
			{"GET", "/v0/topics//diff", "", "", 400, `invalid_request`, ""},
			{"GET", "/v0/topics/" + strings.Repeat("x", 256), "", "", 400, `invalid_request`, ""},
			{"GET", "/v0/topics/wire/", "", "", 404, `not_found`, ""},
			{"GET", "/", "", "", 200, `"_links":{`, ""},
			{"GET", "/nowhere", "", "", 404, `not_found`, ""},
			{"GET", "/V0/topics", "", "", 404, `not_found`, ""},
			{"OPTIONS", "/nowhere", "", "", 404, `not_found`, ""},
			{"OPTIONS", "/v0/topics/wire", "", "", 204, ``, "Allow: DELETE, GET, HEAD, PATCH, POST, PUT, OPTIONS"},
			{"OPTIONS", "/v0/health", "", "", 204, ``, "Allow: GET, HEAD, OPTIONS"},
			{"POST", "/v0/topics", `{}`, wire.MediaJSON, 405, `method_not_allowed`, "Allow: GET, HEAD, OPTIONS"},
			{"BREW", "/v0/topics/wire/diff", ``, "", 405, `method_not_allowed`, "Allow: GET, HEAD, POST, OPTIONS"},
			{"POST", "/v0/topics/wire", `{"records":[{}]}`, "", 415, `unsupported_media_type`, ""},
			{"PATCH", "/v0/topics/wire", `{}`, "text/json", 415, `unsupported_media_type`, ""},
			{"PUT", "/v0/topics/wire", ``, "", 200, `"created":false`, ""},
			{"POST", "/v0/topics/wire/diff", ``, "", 200, `"next_from_seq"`, ""},
			{"POST", "/v0/topics/wire", ``, "", 400, `invalid_request`, ""},
			{"POST", "/v0/topics/wire/delete", `{"before_seq":2}`, wire.MediaJSON, 200, `"earliest_seq":2`, "Content-Type: application/json"},
			{"POST", "/v0/topics/wire/delete", `{"match":"x"}`, "text/json", 415, `unsupported_media_type`, ""},
			{"GET", "/v0/topics/wire/delete", "", "", 405, `method_not_allowed`, "Allow: POST, OPTIONS"},
			{"GET", "/v0/admin/backup", "", "", 405, `method_not_allowed`, "Allow: POST, OPTIONS"},
			{"POST", "/v0/admin/stats", "", "", 405, `method_not_allowed`, "Allow: GET, HEAD, OPTIONS"},
			{"GET", "/v0/admin/nothing", "", "", 404, `not_found`, ""},
			{"HEAD", "/v0/topics/wire", "", "", 200, ``, "Content-Type: application/json"},
			{"HEAD", "/v0/health", "", "", 200, ``, ""},
			{"GET", "/v0/topics/wire?touch=maybe", "", "", 400, `"field":"touch"`, ""},
			{"GET", "/v0/topics/wire/diff?limit=-1", "", "", 400, `"field":"limit"`, ""},
		} {
			var body io.Reader
			if tc.body != "" {
				body = strings.NewReader(tc.body)
			}
			req, err := http.NewRequest(tc.method, "http://"+addr+tc.target, body)
			if err != nil {
				t.Fatal(err)
			}
			if tc.media != "" {
				req.Header.Set("Content-Type", tc.media)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatalf("%s %s %s: %v", proto, tc.method, tc.target, err)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			name, value, _ := strings.Cut(tc.header, ": ")
			switch {
			case tc.status != 0 && resp.StatusCode != tc.status, !bytes.Contains(got, []byte(tc.want)),
				tc.header != "" && resp.Header.Get(name) != value:
				t.Errorf("%s %s %.60s: %s %v %s", proto, tc.method, tc.target, resp.Status, resp.Header, got)
			case tc.want != "" && !bytes.Contains(got, []byte(`"performance":{"server_total_ms":`)):
				t.Errorf("%s %s %.60s: no performance in %s", proto, tc.method, tc.target, got)
			case resp.ContentLength < 0 && resp.StatusCode != 204:
				t.Errorf("%s %s %.60s: no Content-Length", proto, tc.method, tc.target)
			}
		}
	}
}

// A body larger than allowed is refused by its announced length, and when the
// length is not announced as soon as too much has come.
func TestBodyLimit(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.MaxBodyBytes = 1000 })
	addr, _ := serve(t, s)
	for proto, client := range clients(t) {
		for _, size := range []int{1000, 1001, 1 << 20} {
			for _, announced := range []bool{true, false} {
				doc := `{"records":[{"data":"` + strings.Repeat("x", size-25) + `"}]}`
				body := io.Reader(strings.NewReader(doc))
				if !announced {
					body = io.MultiReader(body)
				}
				resp, err := client.Post("http://"+addr+"/v0/topics/t", wire.MediaJSON, body)
				if err != nil {
					t.Fatalf("%s %d: %v", proto, size, err)
				}
				got, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if want := size > 1000; (resp.StatusCode == 413) != want || want && !bytes.Contains(got, []byte("payload_too_large")) {
					t.Errorf("%s: %d bytes, announced %t: %d %s", proto, len(doc), announced, resp.StatusCode, got)
				}
			}
		}
	}
}

// A client that stops in the middle of its body is cut off; a long poll that
// outlasts the same time is not.
func TestSlowBody(t *testing.T) {
	scaled(t, 250*time.Millisecond, func(t *testing.T, limit time.Duration) error {
		s, e := openServer(func(o *Options) { o.Limits.BodyTimeout = limit })
		addr, _ := serve(t, s)
		do(s, "PUT", "/v0/topics/t", "")
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, "POST /v0/topics/t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Contains(got, []byte("did not arrive in time")) {
			t.Errorf("%s, %v", got, err)
		}

		for proto, client := range clients(t) {
			for _, poll := range []func(from string) (*http.Response, error){
				func(from string) (*http.Response, error) {
					return client.Post("http://"+addr+"/v0/topics/t/diff", wire.MediaJSON, strings.NewReader(`{"wait_ms":60000,"from_seq":`+from+`}`))
				},
				func(from string) (*http.Response, error) {
					return client.Get("http://" + addr + "/v0/topics/t/diff?wait_ms=60000&from_seq=" + from)
				},
			} {
				e.mu.Lock()
				from := fmt.Sprint(len(e.topics["t"].records))
				e.mu.Unlock()
				// The write comes when two read timeouts are over.
				later := time.AfterFunc(limit*12/5, func() { do(s, "POST", "/v0/topics/t", `{"records":[{"data":"late"}]}`) })
				defer later.Stop()
				resp, err := poll(from)
				if err != nil {
					return fmt.Errorf("%s: %w", proto, err)
				}
				got, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != 200 || !bytes.Contains(got, []byte(`"data":"late"`)) {
					return fmt.Errorf("%s: %d %s", proto, resp.StatusCode, got)
				}
			}
		}
		return nil
	})
}

// Shutting down ends a long poll with what is there, at once.
func TestShutdownEndsLongPolls(t *testing.T) {
	for proto, client := range clients(t) {
		s, e := openServer(nil)
		do(s, "PUT", "/v0/topics/t", "")
		waiting := make(chan struct{})
		s.Open(&signalEngine{memEngine: e, reading: waiting})
		addr, shutdown := serve(t, s)
		answer := make(chan string, 1)
		go func() {
			resp, err := client.Get("http://" + addr + "/v0/topics/t/diff?wait_ms=30000")
			if err != nil {
				answer <- err.Error()
				return
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			answer <- resp.Status + string(b)
		}()
		<-waiting
		shutdown()
		if got := <-answer; !strings.HasPrefix(got, `200 OK{"topic":"t","records":[],"next_from_seq":0`) {
			t.Errorf("%s: %s", proto, got)
		}
		client.CloseIdleConnections()
	}
}

// A client that sends all of a body which is too large, and only then looks,
// still finds the answer.
func TestTooLargeIsToldToWhoSendsFirst(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.MaxBodyBytes = 4 << 20 })
	addr, _ := serve(t, s)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := bytes.Repeat([]byte("x"), 5<<20)
	_, err = fmt.Fprintf(conn, "POST /v0/topics/t HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if err != nil {
		t.Fatalf("sending: %v", err)
	}
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 413" {
		t.Fatalf("answered %q, %v", answer, err)
	}
}
