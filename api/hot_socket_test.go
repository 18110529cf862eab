//go:build linux

package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// upgrade makes a WebSocket of a connection.
func (c *hotClient) upgrade() *wsClient {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	c.t.Cleanup(cancel)
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return c.Conn, nil },
	}}
	conn, resp, err := websocket.Dial(ctx, "ws://localhost/v0/ws", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		c.t.Fatalf("%v %v", err, resp)
	}
	c.t.Cleanup(func() { _ = conn.CloseNow() })
	return &wsClient{conn, c.t, ctx}
}

// A connection that was in a loop may become a WebSocket, which publishes one record
// after the other, and does something else between.
func TestHotUpgrade(t *testing.T) {
	for _, class := range classes {
		t.Run(class, func(t *testing.T) {
			s := serveHot(t, func(*recovery.Options) {}, nil)
			s.put(t, "t", fmt.Sprintf(`{"durability":%q}`, class))
			s.put(t, "other", `{"durability":"memory"}`)
			c := s.dialHot(1, "t")[0].upgrade()
			s.waitForLooped(0)
			first := uint64(1)
			for n := range 200 {
				topic := "t"
				if n%50 == 49 {
					topic = "other"
				}
				c.say(`{"op":"publish","topic":%q,"records":[{"data":"%d"}]}`, topic, n)
				if m := c.hear(); m.Op != "ack" || topic == "t" && m.First <= first {
					t.Fatalf("%s after %d", m.raw, first)
				} else if topic == "t" {
					first = m.First
				}
				if n%70 == 69 {
					c.say(`{"op":"subscribe","topics":["none%d"]}`, n)
					c.want("error")
				}
			}
			if all := s.records("t"); len(all) != 1+196 {
				t.Errorf("%d records", len(all))
			}
		})
	}
}

// What a WebSocket has been told is published is there after a drain.
func TestHotSocketsDrain(t *testing.T) {
	const clients = 10
	fs := crashfs.New()
	on := func(o *recovery.Options) { o.FS = fs }
	s := serveHot(t, on, nil)
	s.put(t, "t", `{"durability":"fsync"}`)
	var acknowledged sync.Map
	var all, busy sync.WaitGroup
	busy.Add(clients)
	for i, hot := range s.dialHot(clients, "t") {
		c := hot.upgrade()
		all.Go(func() {
			started := sync.OnceFunc(busy.Done)
			defer started()
			defer func() { _ = c.CloseNow() }()
			for n := 0; ; n++ {
				data := fmt.Sprintf("%d-%d", i, n)
				text := fmt.Sprintf(`{"op":"publish","topic":"t","records":[{"data":%q}]}`, data)
				if c.Write(c.ctx, websocket.MessageText, []byte(text)) != nil {
					return
				}
				m, err := c.listen()
				if err != nil || m.Op != "ack" {
					return
				}
				acknowledged.Store(data, true)
				if n == 50 {
					started()
				}
			}
		})
	}
	busy.Wait()
	s.down()
	all.Wait()
	again := serveHot(t, on, nil)
	more := 0
	for _, data := range again.records("t") {
		if _, ok := acknowledged.LoadAndDelete(data); !ok {
			more++
		}
	}
	acknowledged.Range(func(data, _ any) bool {
		t.Errorf("%s was acknowledged and is lost", data)
		return true
	})
	if more > 2*clients { // the first write of each, and one that was under way
		t.Errorf("%d records were not acknowledged, or are there twice", more)
	}
}

// A WebSocket that has to leave its loop and cannot ends, and what it has published is
// waited for.
func TestHotSocketWithoutDescriptors(t *testing.T) {
	s := serveHot(t, func(*recovery.Options) {}, func(o *Options) { o.Limits.MaxTotalBytes = 1 << 30 })
	s.put(t, "t", `{"durability":"memory"}`)
	s.put(t, "synced", `{"durability":"fsync"}`)
	c := s.dialHot(1, "t")[0].upgrade()
	s.waitForLooped(0)
	for s.loops.Len() == 0 {
		const burst = 30 // more than makes a WebSocket hot, unless the machine stalls
		for range burst {
			c.say(`{"op":"publish","topic":"t","records":[{"data":1}]}`)
		}
		for range burst {
			c.want("ack")
		}
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := unix.Rlimit{Cur: 3, Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	c.say(`{"op":"publish","topic":"synced","records":[{"data":"last"}]}`)
	_, err := c.listen()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Error("it was answered")
	}
	waitFor(t, func() bool { return s.sockets.Count() == 0 && s.bounds.Usage().Payloads == 0 })
	if all := s.records("synced"); len(all) != 1 {
		t.Errorf("%d records", len(all))
	}
}
