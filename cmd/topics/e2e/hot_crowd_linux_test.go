package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/api/conns"
)

// TestHotCrowd has more clients than the server has descriptors. Each sends bursts of
// writes, by which its connection becomes busy enough for a loop, and pauses while others
// send theirs, so that connections in loops are closed to make room all the time. The
// server never has more descriptors than it allows itself, and loses nothing.
func TestHotCrowd(t *testing.T) {
	const (
		limit   = 400
		kept    = 64 // for files, and for connections beyond the bound; see descriptors.kept
		clients = 700
	)
	// With one processor new connections are accepted while the loop waits for a sync.
	server := serveLimited(t, fmt.Sprint("ulimit -n ", limit), t.TempDir(), "TOPICS_MAX_INFLIGHT_PER_KEY=0",
		"TOPICS_HEALTH_DESCRIPTORS_DEGRADED_PERCENT=100", "TOPICS_HEALTH_CONNECTIONS_DEGRADED_PERCENT=100",
		"GOMAXPROCS=1", slowDisk[0], slowDisk[1]).ready()
	if _, err := server.client().PutTopic(t.Context(), topic, client.Config{Durability: "fsync"}); err != nil {
		t.Fatal(err)
	}
	crowd := &crowd{hotBook: hotBook{t: t, addr: server.addr(), acked: map[string]*acked{topic: newAcked(topic)}}, turns: make(chan struct{}, 200)}
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { crowd.client(fmt.Sprint(i)) })
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	most := 0
	server.until("all is written", func() bool {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", server.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(open))
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	t.Logf("at most %d descriptors; %d connections for %d writes", most, crowd.dials.Load(), crowd.count())
	if most > limit-kept+conns.Spare {
		t.Errorf("%d descriptors were open, of %d", most, limit)
	}
	if crowd.dials.Load() < 2*clients {
		t.Errorf("%d clients had only %d connections", clients, crowd.dials.Load())
	}
	var health struct {
		Checks map[string]struct{ Status, Reason string }
	}
	get(t, server.url()+"/health", http.StatusOK, &health)
	if is := health.Checks["log"]; is.Status != "healthy" {
		t.Errorf("the log is %v", is)
	}
	log := server.stderr.String()
	for _, bad := range []string{"too many open files", `"check":"log"`, `"check":"descriptors"`, "panic"} {
		if strings.Contains(log, bad) {
			t.Errorf("the log has %s", bad)
		}
	}
	crowd.acked[topic].check(t, server.client(), false)
	server.stop()
}

// crowd is clients of which some at a time send their bursts.
type crowd struct {
	hotBook
	turns chan struct{} // has one for each of those
	dials atomic.Int64
}

// client sends bursts, and connects again whenever the server has closed its connection.
func (c *crowd) client(id string) {
	h := &hotClient{id: id, home: topic, book: &c.hotBook, r: rand.New(rand.NewPCG(1, 1))}
	defer func() {
		if h.conn != nil {
			h.conn.Close()
		}
	}()
	for range 4 {
		c.turns <- struct{}{}
		for left := 12; left > 0 && !c.t.Failed(); { // see eventloop.UsuallyHot
			if h.conn == nil {
				conn, err := net.Dial("tcp", c.addr)
				if err != nil {
					c.t.Errorf("client %s: %v", id, err)
					break
				}
				c.dials.Add(1)
				h.conn, h.in = conn.(*net.TCPConn), bufio.NewReader(conn)
			}
			if c.write(h) {
				left--
				continue
			}
			h.conn.Close()
			h.conn = nil
		}
		<-c.turns
	}
}

// write writes one record. It returns false if the connection is closed, or came when
// requests were in progress on all others.
func (c *crowd) write(h *hotClient) bool {
	b, a := h.write("")
	_, err := h.conn.Write(b)
	if err == nil {
		_, err = h.in.Peek(1)
	}
	if err != nil {
		return false
	}
	if early, _ := h.in.Peek(len("HTTP/1.1 429")); string(early) == "HTTP/1.1 429" {
		return false
	}
	if err := h.answer(a); err != nil {
		c.t.Errorf("client %s: %v", h.id, err)
		return false
	}
	return true
}
