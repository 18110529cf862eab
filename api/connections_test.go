package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/wire"
)

// lone is a client that makes a connection for each request and shares none.
func lone(http2 bool) *http.Client {
	var p http.Protocols
	p.SetHTTP1(!http2)
	p.SetUnencryptedHTTP2(http2)
	return &http.Client{Transport: &http.Transport{Protocols: &p}}
}

// once sends a request over a connection of its own.
func once(t *testing.T, http2 bool, method, url, body string) (status int, answer string) {
	t.Helper()
	status, answer, err := attempt(t, http2, method, url, body)
	if err != nil {
		t.Errorf("%s %s: %v", method, url, err)
	}
	return status, answer
}

// attempt is once where the connection may be closed to make room for others.
func attempt(t *testing.T, http2 bool, method, url, body string) (status int, answer string, err error) {
	t.Helper()
	client := lone(http2)
	defer client.CloseIdleConnections()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", wire.MediaJSON)
	resp, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// All connections that there may be are at work: probes and operators are
// answered; other requests get the cap, and are served when there is room.
func TestMaxConnections(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "h2c": true} {
		t.Run(name, func(t *testing.T) { testMaxConnections(t, http2) })
	}
}

func testMaxConnections(t *testing.T, http2 bool) {
	const most = 4
	s, _ := openServer(nil)
	addr, _ := serve(t, s)
	s.SetMaxConnections(most)
	url := "http://" + addr
	if status, body := once(t, http2, "PUT", url+"/v0/topics/t", `{}`); status/100 != 2 {
		t.Fatalf("%d %s", status, body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var polls sync.WaitGroup
	for range most {
		polls.Go(func() {
			client := lone(http2)
			defer client.CloseIdleConnections()
			for ctx.Err() == nil { // it may find no room at first
				r, _ := http.NewRequestWithContext(ctx, "GET", url+"/v0/topics/t/diff?wait_ms=30000", nil)
				if resp, err := client.Do(r); err == nil {
					_ = resp.Body.Close()
				}
			}
		})
	}
	atWork := func() bool {
		n := 0
		for range most + 1 {
			// Among polls that are not at work yet, it may be the one to give way.
			status, _, err := attempt(t, http2, "GET", url+"/v0/topics/t", "")
			if err == nil && status == http.StatusTooManyRequests {
				n++
			}
		}
		return n == most+1
	}
	waitFor(t, atWork)
	for range 3 {
		for _, path := range []string{"/startupz", "/health", "/v0/ready", "/metrics"} {
			if status, body := once(t, http2, "GET", url+path, ""); status != http.StatusOK {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		status, body := once(t, http2, "POST", url+"/v0/topics/t", `{"records":[{}]}`)
		if want := `"detail":{"limit":"max_connections","max":4}`; status != http.StatusTooManyRequests || !strings.Contains(body, want) {
			t.Errorf("%d %s", status, body)
		}
	}
	cancel()
	polls.Wait()
	waitFor(t, func() bool {
		status, _ := once(t, http2, "POST", url+"/v0/topics/t", `{"records":[{}]}`)
		return status == http.StatusOK
	})
	if st := s.Connections(); st.Refused != 0 {
		t.Errorf("stats are %+v", st)
	}
}

// Clients that stall in the middle of a request take all connections, and those
// beyond: probes get through.
func TestProbesGetThroughStalledRequests(t *testing.T) {
	s, _ := openServer(nil)
	addr, _ := serve(t, s)
	s.SetMaxConnections(4)
	for i := range 5 * conns.Spare {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		stall := "POST /v0/topics/t HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
		if i%3 == 0 {
			stall = "GET /v0/ready HTTP/1.1\r\nHo"
		}
		if _, err := io.WriteString(nc, stall); err != nil {
			t.Fatal(err)
		}
		if status, body := once(t, i%2 == 0, "GET", "http://"+addr+"/v0/ready", ""); status != http.StatusOK {
			t.Fatalf("after %d stalled requests: %d %s", i+1, status, body)
		}
	}
	if st := s.Connections(); st.Open > 4+conns.Spare || st.Refused == 0 {
		t.Errorf("stats are %+v", st)
	}
}

// Many more connections than there may be, most of them silent or kept for
// later: whoever asks is answered.
func TestIdleConnectionsGiveWay(t *testing.T) {
	s, _ := openServer(nil)
	addr, _ := serve(t, s)
	const most = 2 * conns.Spare
	s.SetMaxConnections(most)
	url := "http://" + addr
	if status, body := once(t, false, "PUT", url+"/v0/topics/t", `{}`); status/100 != 2 {
		t.Fatalf("%d %s", status, body)
	}
	for i := range 4 * most {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if i%2 == 0 {
			kept := lone(i%4 == 0)
			defer kept.CloseIdleConnections()
			resp, err := kept.Get(url + "/v0/health")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if status, body := once(t, i%3 == 0, "POST", url+"/v0/topics/t", `{"records":[{}]}`); status != http.StatusOK {
			t.Fatalf("connection %d: %d %s", i, status, body)
		}
	}
	waitFor(t, func() bool { return s.Connections().Open <= most })
	if st := s.Connections(); st.Refused != 0 || st.Shed < most {
		t.Errorf("stats are %+v", st)
	}
}

// A WebSocket counts until it is closed.
func TestWebSocketsCountAsConnections(t *testing.T) {
	s := serveReal(t, nil, nil)
	c := s.dial(t)
	if n := s.Connections().Open; n != 1 {
		t.Errorf("%d connections", n)
	}
	_ = c.CloseNow() // as a client that is gone
	waitFor(t, func() bool { return s.Connections().Open == 0 })
}
