//go:build linux

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/http1"
	"github.com/e6e95bb8/topics/recovery"
)

// hotServer is a server with another port, whose connections are served in loops after
// their first write, for as long as they do nothing else.
type hotServer struct {
	*realServer
	t    *testing.T
	port string
}

// heat has loops serve the connections of a door.
func heat(door *http1.Server) {
	door.Hot = eventloop.Hot{After: 1, Within: patience}
	door.Loops.Quiet = patience
}

func serveHot(t *testing.T, change func(*recovery.Options), more func(*Options)) *hotServer {
	t.Helper()
	s := serveStored(t, change, more, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := s.HTTPServer()
	heat(door)
	done := make(chan error, 1)
	go func() { done <- door.Serve(s.Listen(l)) }()
	down := s.down
	ended := false
	s.down = func() {
		if ended {
			return
		}
		ended = true
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.StopServing()
		if err := door.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-done
		down()
		if n := s.loops.Len(); n != 0 {
			t.Errorf("%d connections are left in loops", n)
		}
		u := s.bounds.Usage()
		if n := s.traffic.underway.Load(); n != 0 || u.Payloads != 0 || u.OfKeys != 0 {
			t.Errorf("%d calls are left, and %+v", n, u)
		}
	}
	return &hotServer{s, t, l.Addr().String()}
}

// hotClient is a connection to a hotServer.
type hotClient struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func dialHot(t *testing.T, addr string) *hotClient {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = nc.Close() })
	return &hotClient{nc, t, bufio.NewReader(nc)}
}

func (s *hotServer) dial() *hotClient { return dialHot(s.t, s.port) }

// dialHot returns n connections that loops serve, after one write of each to a topic.
func (s *hotServer) dialHot(n int, topic string, header ...string) []*hotClient {
	s.t.Helper()
	before := s.loops.Len()
	var all []*hotClient
	for i := range n {
		c := s.dial()
		c.send(hotRecord(topic, fmt.Sprintf("first-%d", i), header...))
		c.want(http.StatusOK)
		all = append(all, c)
	}
	s.waitForLooped(before + n)
	return all
}

func (s *hotServer) waitForLooped(n int) {
	s.t.Helper()
	waitFor(s.t, func() bool { return s.loops.Len() == n })
}

// hotRequest is a POST with these fields in its header, each a line.
func hotRequest(target, body string, header ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n%s",
		target, len(body), strings.Join(append(header, ""), "\r\n"), body)
}

const ofJSON = "Content-Type: application/json"

// hotRecord is a write of one record.
func hotRecord(topic, data string, header ...string) string {
	return hotRequest("/v0/topics/"+topic, fmt.Sprintf(`{"records":[{"data":%q}]}`, data), append(header, ofJSON)...)
}

func (c *hotClient) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// hotAnswer is what a hotClient gets.
type hotAnswer struct {
	status int
	ends   bool // the connection ends with it
	body   string
	first  uint64 // first_seq
}

func (c *hotClient) answer() (hotAnswer, error) {
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return hotAnswer{}, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return hotAnswer{}, err
	}
	var written struct {
		First uint64 `json:"first_seq"`
	}
	err = json.Unmarshal(body, &written)
	return hotAnswer{resp.StatusCode, resp.Close, string(body), written.First}, err
}

// text returns the next answer, without what differs from answer to answer.
func (c *hotClient) text() string {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := httputil.DumpResponse(resp, true)
	if err != nil {
		c.t.Fatal(err)
	}
	return volatile.ReplaceAllString(string(b), "")
}

// want reads an answer with that status.
func (c *hotClient) want(status int) hotAnswer {
	c.t.Helper()
	a, err := c.answer()
	if err != nil || a.status != status {
		c.t.Fatalf("%d %s %v, want %d", a.status, a.body, err, status)
	}
	return a
}

// records returns the data of all records of a topic, which are strings.
func (s *hotServer) records(topic string) []string {
	s.t.Helper()
	var all []string
	for from := "0"; ; {
		w := do(s, "GET", "/v0/topics/"+topic+"/diff?limit=1000&from_seq="+from, "")
		var page struct {
			Records []struct{ Data string }
			Head    uint64 `json:"head_seq"`
			Next    uint64 `json:"next_from_seq"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK {
			s.t.Fatalf("%d %s", w.Code, w.Body)
		}
		for _, r := range page.Records {
			all = append(all, r.Data)
		}
		if page.Next >= page.Head {
			return all
		}
		from = strconv.FormatUint(page.Next, 10)
	}
}
