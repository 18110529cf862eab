//go:build linux

package api

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
	"github.com/e6e95bb8/topics/wal/vfs/hangfs"
)

// A server that is drained while connections write has written what it has answered, and
// nothing else.
func TestHotDrain(t *testing.T) {
	for _, class := range classes[1:] {
		t.Run(class, func(t *testing.T) {
			const clients = 20
			fs := crashfs.New()
			on := func(o *recovery.Options) { o.FS = fs }
			s := serveHot(t, on, nil)
			s.put(t, "t", fmt.Sprintf(`{"durability":%q}`, class))
			var acknowledged sync.Map
			var all, busy sync.WaitGroup
			busy.Add(clients)
			for i, c := range s.dialHot(clients, "t") {
				acknowledged.Store(fmt.Sprintf("first-%d", i), true)
				all.Go(func() {
					started := sync.OnceFunc(busy.Done)
					defer started()
					for n := 0; ; n++ {
						data := fmt.Sprintf("%d-%d", i, n)
						if _, err := io.WriteString(c, hotRecord("t", data)); err != nil {
							return
						}
						a, err := c.answer()
						switch {
						case err != nil: // it was closed before the request came
							return
						case a.status == http.StatusOK:
							acknowledged.Store(data, true)
						case a.status != http.StatusServiceUnavailable || !a.ends || !strings.Contains(a.body, "shutting_down"):
							t.Errorf("%d %s, the end of the connection: %t", a.status, a.body, a.ends)
						}
						if a.ends {
							return
						}
						if n == 10 {
							started()
						}
					}
				})
			}
			busy.Wait()
			s.down()
			all.Wait()
			again := serveHot(t, on, nil)
			for _, data := range again.records("t") {
				if _, ok := acknowledged.LoadAndDelete(data); !ok {
					t.Errorf("%s was not acknowledged, or is there twice", data)
				}
			}
			acknowledged.Range(func(data, _ any) bool {
				t.Errorf("%s was acknowledged and is lost", data)
				return true
			})
		})
	}
}

// Where the disk hangs, writes that wait for it wait, whatever else their loop serves is
// served, and when the disk comes back they are answered.
func TestHotHang(t *testing.T) {
	disk := hangfs.New(crashfs.New())
	s := serveHot(t, func(o *recovery.Options) { o.FS = disk }, nil)
	for _, class := range classes {
		s.put(t, class, fmt.Sprintf(`{"durability":%q}`, class))
	}
	writers := s.dialHot(10, "fsync")
	idle := s.dialHot(1, "fsync")[0]
	others := map[string]*hotClient{}
	for _, class := range []string{"ephemeral", "memory"} {
		others[class] = s.dialHot(1, class)[0]
	}
	hang := disk.Hang(errfs.Sync, "/data")
	defer hang.Release()
	for _, c := range writers {
		c.send(hotRecord("fsync", "hangs"))
	}
	<-hang.Reached()
	waitFor(t, func() bool { return s.traffic.underway.Load() == int64(len(writers)) })
	for range 3 {
		for class, c := range others {
			c.send(hotRecord(class, "more"))
			c.want(http.StatusOK)
		}
	}
	// Those in the loop that hangs may do something else.
	idle.send("GET /v0/topics/fsync HTTP/1.1\r\nHost: localhost\r\n\r\n")
	idle.want(http.StatusOK)
	for _, c := range []*hotClient{idle, s.dial(), others["memory"]} {
		c.send("GET /v0/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
		c.want(http.StatusOK)
	}
	if n := s.traffic.underway.Load(); n != int64(len(writers)) {
		t.Errorf("%d calls are under way, want %d", n, len(writers))
	}
	hang.Release()
	for _, c := range writers {
		c.want(http.StatusOK)
		c.send(hotRecord("fsync", "after"))
	}
	for _, c := range writers {
		c.want(http.StatusOK)
	}
	if n := len(slices.DeleteFunc(s.records("fsync"), func(data string) bool { return data != "hangs" })); n != len(writers) {
		t.Errorf("%d records", n)
	}
}

// A client that goes while its write waits for a disk that hangs leaves nothing, and its
// write is there.
func TestHotClientsThatGo(t *testing.T) {
	disk := hangfs.New(crashfs.New())
	s := serveHot(t, func(o *recovery.Options) { o.FS = disk }, nil)
	s.put(t, "t", `{"durability":"fsync"}`)
	clients := s.dialHot(5, "t")
	hang := disk.Hang(errfs.Sync, "/data")
	defer hang.Release()
	for _, c := range clients {
		c.send(hotRecord("t", "gone"))
	}
	waitFor(t, func() bool { return s.traffic.underway.Load() == int64(len(clients)) })
	for _, c := range clients {
		_ = c.Close()
	}
	hang.Release()
	waitFor(t, func() bool { return s.traffic.underway.Load() == 0 && s.loops.Len() == 0 && s.Connections().Open == 0 })
	if all := s.records("t"); len(all) != 2*len(clients) {
		t.Errorf("%d records", len(all))
	}
}

// The writes of a client that has closed its side while the first of them waited for a disk
// that hangs are written and answered, in their order.
func TestHotClientsThatCloseTheirSide(t *testing.T) {
	disk := hangfs.New(crashfs.New())
	s := serveHot(t, func(o *recovery.Options) { o.FS = disk }, nil)
	s.put(t, "t", `{"durability":"fsync"}`)
	const each = 10
	clients, other := s.dialHot(5, "t"), s.dialHot(1, "t")[0]
	hang := disk.Hang(errfs.Sync, "/data")
	defer hang.Release()
	for i, c := range clients {
		var text strings.Builder
		for n := range each {
			text.WriteString(hotRecord("t", fmt.Sprintf("%d-%d", i, n)))
		}
		c.send(text.String())
		_ = c.Conn.(*net.TCPConn).CloseWrite()
	}
	waitFor(t, func() bool { return s.traffic.underway.Load() == int64(len(clients)) })
	// Another goroutine has the loop when this is answered: it has told the clients' requests
	// that they may be gone.
	other.send("GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\n\r\n")
	other.want(http.StatusOK)
	hang.Release()
	var want []string
	for i, c := range clients {
		last := uint64(0)
		for n := range each {
			a := c.want(http.StatusOK)
			if a.first <= last {
				t.Errorf("%s after %d", a.body, last)
			}
			last = a.first
			want = append(want, fmt.Sprintf("%d-%d", i, n))
		}
		if _, err := c.in.ReadByte(); err != io.EOF {
			t.Errorf("not the end: %v", err)
		}
	}
	got := slices.DeleteFunc(s.records("t"), func(data string) bool { return strings.HasPrefix(data, "first") })
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A log that fails fails the writes that wait for it, and those that come, as on any
// connection.
func TestHotFailure(t *testing.T) {
	fs := crashfs.New()
	s := serveHot(t, func(o *recovery.Options) { o.FS = fs }, nil)
	s.put(t, "t", `{"durability":"fsync"}`)
	clients := s.dialHot(10, "t")
	s.spoilt = true
	fs.FailSync("0000000000000001.wal", 1)
	for range 3 {
		for _, c := range clients {
			c.send(hotRecord("t", "lost"))
		}
		for _, c := range clients {
			if a := c.want(http.StatusServiceUnavailable); !strings.Contains(a.body, "storage_unavailable") || a.ends {
				t.Errorf("%s, the end of the connection: %t", a.body, a.ends)
			}
		}
	}
	clients[0].send("GET /v0/topics/t HTTP/1.1\r\nHost: localhost\r\n\r\n")
	clients[0].want(http.StatusOK)
}
