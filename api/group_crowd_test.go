//go:build unix

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/watch"
)

// alsoWithSmallBuffers serves on another address, where connections take little at once.
func (s *realServer) alsoWithSmallBuffers(t *testing.T) (addr string) {
	t.Helper()
	small := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 8<<10)
		}), err)
	}}
	l, err := small.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := s.HTTPServer()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(s.Listen(l)) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.StopServing()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-done
	})
	return l.Addr().String()
}

// crowdClient follows a topic until its last record, and comes again when it has gone. It
// checks that it gets all records in order, each once. After it has gone in the middle
// of an event it may get that event again.
type crowdClient struct {
	addr, path string
	chance     *rand.Rand
	slow       bool // it takes little at a time, and not at once
	goes       bool // it resets its connection now and then
	over       bool // it goes on with another connection now and then, while it has one
	last       uint64
	repeated   int

	id   string
	seen uint64
	has  atomic.Uint64 // seen, for others
	old  net.Conn
}

func (c *crowdClient) run() error {
	defer func() {
		if c.old != nil {
			_ = c.old.Close()
		}
	}()
	for c.seen < c.last {
		if err := c.visit(); err != nil {
			return fmt.Errorf("after %d: %w", c.seen, err)
		}
	}
	return nil
}

// visit follows with one connection.
func (c *crowdClient) visit() error {
	small := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			if c.slow {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
			}
		}), err)
	}}
	conn, err := small.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	goes := 1 << 60
	if c.goes || c.over {
		goes = 100<<10 + c.chance.IntN(400<<10)
	}
	leave := func() error {
		if c.over {
			if c.old != nil {
				_ = c.old.Close()
			}
			c.old = conn
			return nil
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		return conn.Close()
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	request := "GET " + c.path + " HTTP/1.1\r\nHost: localhost\r\n"
	if c.id != "" {
		request += "Last-Event-ID: " + c.id + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return err
	}
	raw := bufio.NewReader(&slowReader{Reader: conn, slow: c.slow, chance: c.chance, left: goes})
	for {
		line, err := raw.ReadString('\n')
		if errors.Is(err, errGoes) {
			return leave()
		}
		if err != nil {
			return err
		}
		if line == "\r\n" {
			break
		}
		if strings.HasPrefix(line, "HTTP/1.1") && !strings.Contains(line, "200") {
			return errors.New(line)
		}
	}
	in := bufio.NewReader(httputil.NewChunkedReader(raw))
	resumed := true
	name, id, text := "", "", ""
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, errGoes) {
			return leave()
		}
		if err != nil {
			return err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			text = value
		case "": // the end of the event, without which it is none
			if id != "" {
				c.id = id
			}
			if text == "" {
				continue
			}
			value, text = text, ""
			var data struct {
				Records []struct {
					Seq  uint64 `json:"$seq"`
					Data struct{ N uint64 }
				}
				Head uint64 `json:"head_seq"`
			}
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				return fmt.Errorf("%w in %.100s", err, value)
			}
			switch name {
			case "record":
			case "caught-up":
				if data.Head != c.seen {
					return fmt.Errorf("caught up at %d", data.Head)
				}
				if c.seen == c.last {
					return conn.Close()
				}
				continue
			default:
				return fmt.Errorf("%s: %s", name, value)
			}
			if len(data.Records) == 0 {
				return errors.New(value)
			}
			for _, r := range data.Records {
				if r.Seq != r.Data.N {
					return fmt.Errorf("record %d has the data of %d", r.Seq, r.Data.N)
				}
				if resumed && r.Seq == c.seen {
					c.repeated++
				} else if r.Seq != c.seen+1 {
					return fmt.Errorf("record %d comes; resumed: %t", r.Seq, resumed)
				}
				c.seen = r.Seq
				c.has.Store(r.Seq)
			}
			resumed = false
		}
	}
}

var errGoes = errors.New("the client goes")

// slowReader reads as a crowdClient does.
type slowReader struct {
	io.Reader
	slow   bool
	chance *rand.Rand
	left   int
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errGoes
	}
	p = p[:min(len(p), r.left)]
	if r.slow {
		p = p[:min(len(p), 1+r.chance.IntN(4<<10))]
		if r.chance.IntN(4) == 0 {
			time.Sleep(time.Duration(r.chance.IntN(2000)) * time.Microsecond)
		}
	}
	n, err := r.Reader.Read(p)
	r.left -= n
	return n, err
}

// A crowd follows one topic over real connections, some slowly, some that are reset and
// come again, some that another connection of the same session takes over from. Each
// gets all records in order, and nothing is left of the groups that they were in.
func TestCrowdInGroups(t *testing.T) {
	for _, procs := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			s := serveReal(t, nil, nil)
			addr := s.alsoWithSmallBuffers(t)
			frames, groups := s.frames(), atomic.Int64{}
			grouped := frames.Grouped
			frames.Grouped = func(g *watch.Group) (ready, aside func()) {
				groups.Add(1)
				return grouped(g)
			}
			frames.GroupFrom = 1
			s.put(t, "a", `{}`)
			records, each := uint64(80), 20
			if testing.Short() {
				records, each = 30, 5
			}
			var all []*crowdClient
			for i := range 5 * each {
				url := s.newWatch(t, `{"topics":{"a":{"from_seq":0}}}`)
				all = append(all, &crowdClient{
					addr: addr, path: strings.TrimPrefix(url, "http://"+s.addr),
					chance: rand.New(rand.NewPCG(uint64(i), uint64(procs))), last: records,
					slow: i%5 == 1 || i%5 == 2, goes: i%5 == 2 || i%5 == 3, over: i%5 == 4,
				})
			}
			var wg sync.WaitGroup
			for i, c := range all {
				wg.Go(func() {
					if err := c.run(); err != nil {
						t.Errorf("client %d, slow: %t, goes: %t, over: %t: %v", i, c.slow, c.goes, c.over, err)
					}
				})
			}
			chance := rand.New(rand.NewPCG(7, uint64(procs)))
			for n := range records {
				s.write(t, "a", fmt.Sprintf(`{"n":%d,"x":%q}`, n+1, strings.Repeat("x", 2<<10+chance.IntN(14<<10))))
				if chance.IntN(3) > 0 {
					waitFor(t, func() bool { return all[0].has.Load() == n+1 && all[5].has.Load() == n+1 })
				}
			}
			wg.Wait()
			repeated := 0
			for _, c := range all {
				repeated += c.repeated
			}
			t.Logf("%d groups, %d records repeated", groups.Load(), repeated)
			if groups.Load() == 0 {
				t.Error("no groups")
			}
			http.DefaultClient.CloseIdleConnections()
		})
	}
}
