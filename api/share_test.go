package api

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/julienschmidt/httprouter"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Bodies that stall do not keep others out: a body whose client sends nothing
// for a while is ended when there is no memory for another one.
func TestStalledBodiesGiveWay(t *testing.T) {
	s, _ := keyedServer(t, "aaaa,bbbb", func(o *Options) {
		o.Limits.MaxInflightBytes, o.Limits.BodyTimeout = 4<<20, 2*patience // so that nothing ends by itself meanwhile
	})
	do(s, "PUT", "/v0/topics/t", "", "Authorization", "Bearer aaaa")
	addr, _ := listen(t, s, s.HTTPServer())
	var stalls []net.Conn
	for _, coding := range []string{"gzip", "zstd", "gzip", "zstd"} {
		bomb := bytes.Repeat([]byte(" "), 1<<20)
		packed := gzipped(t, bomb)
		if coding == "zstd" {
			packed = zstded(t, append(bomb, binary.LittleEndian.AppendUint64(nil, rand.Uint64())...))
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		stalls = append(stalls, conn)
		fmt.Fprintf(conn, "POST /v0/topics/t HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer aaaa\r\n"+
			"Content-Type: application/json\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n", coding, len(packed))
		if _, err := conn.Write(packed[:len(packed)-5]); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool { return s.bounds.Usage().Memory > 2<<20 })
	body := `{"records":[{"data":"` + strings.Repeat("x", 900<<10) + `"}]}`
	waitFor(t, func() bool {
		w := do(s, "POST", "/v0/topics/t", body, "Authorization", "Bearer bbbb")
		if w.Code != 200 && w.Code != http.StatusTooManyRequests {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Code == 200
	})
	for _, conn := range stalls {
		conn.Close()
	}
	waitFor(t, func() bool { return s.inUse() == 0 && s.bounds.Usage().Memory == 0 })
}

// A frame of zstd has its window counted before it is made, and one that claims
// more than a body may have is refused by its header.
func TestWindowsAreCounted(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.MaxInflightBytes = 4 << 20 })
	do(s, "PUT", "/v0/topics/t", "")
	post := func(body []byte) int {
		return do(s, "POST", "/v0/topics/t", string(body), "Content-Encoding", "zstd").Code
	}
	doc := []byte(`{"records":[{"data":"` + strings.Repeat("x", 1000) + `"}]}`)
	if code := post(zstded(t, doc, zstd.WithWindowSize(1<<20), zstd.WithSingleSegment(false))); code != 200 {
		t.Errorf("a window of 1 MiB: %d", code)
	}
	// A frame whose header says: window of 8 MiB.
	if code := post([]byte{0x28, 0xB5, 0x2F, 0xFD, 0, 13 << 3, 1, 0, 0}); code != 429 {
		t.Errorf("a window of 8 MiB, with a memory of 4: %d", code)
	}
	// A single segment of 1 GiB and more.
	claim := append([]byte{0x28, 0xB5, 0x2F, 0xFD, 0xA0}, 0, 0, 0, 0x40, 1, 0, 0)
	if code := post(claim); code != 413 {
		t.Errorf("a segment of 1 GiB: %d", code)
	}
	if used := s.bounds.Usage().Memory; used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// Streams and sessions take their memory before they are made, each key at most
// its part, and give it back.
func TestFollowingTakesMemory(t *testing.T) {
	keys, err := auth.Parse("aaaa,bbbb")
	if err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, func(o *Options) { o.Keys, o.Limits.StreamBytes = keys, 16*call.StreamCost }, nil)
	stream := func(secret string) (func(), error) {
		k := keys.Find(secret)
		return callOf(s.Server, k).TakeStream()
	}
	var release []func()
	for range 6 { // three quarters of eight
		back, err := stream("aaaa")
		if err != nil {
			t.Fatal(err)
		}
		release = append(release, back)
	}
	var e *wire.Error
	if _, err := stream("aaaa"); !errors.As(err, &e) || e.Status != 429 || e.Detail["limit"] != "stream_bytes" {
		t.Errorf("a seventh stream of one key: %v", err)
	}
	if n := s.bounds.Usage().Streams; n != 6 {
		t.Errorf("%d slots are taken by 6 streams", n)
	}
	do(s.Server, "PUT", "/v0/topics/t", "", "Authorization", "Bearer bbbb")
	w := do(s.Server, "POST", "/v0/watch", `{"topics":{"t":{}}}`, "Authorization", "Bearer bbbb")
	if w.Code != 200 || s.bounds.Usage().Following != 6*call.StreamCost+call.SessionCost+call.FollowedCost {
		t.Errorf("a session of another key: %d %s, %d bytes", w.Code, w.Body, s.bounds.Usage().Following)
	}
	s.watches.remove(object(t, w)["wid"].(string), func(*auth.Key) bool { return true }, call.ErrRevoked)
	for _, back := range release {
		back()
	}
	if used := s.bounds.Usage().Following; used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// A read takes the memory for what it may bring, a quarter of what is left at
// most, and is refused where there is none.
func TestReadsTakeMemory(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.MaxInflightBytes, o.Limits.MaxRecordBytes = 4<<20, 512<<10 })
	c := callOf(s, s.open)
	for _, want := range []int{1 << 20, 3 << 18, 9 << 16} {
		q := &topic.Query{MaxBytes: 8 << 20}
		if n, err := c.TakeBatch(q); err != nil || q.MaxBytes < want || q.MaxBytes > want+2*call.FirstRead || n != call.BeyondFirst(q.MaxBytes) {
			t.Errorf("%d bytes, %d taken, %v; want about %d", q.MaxBytes, n, err, want)
		}
	}
	if n, err := c.TakeBatch(&topic.Query{MaxBytes: 8 << 20, Wait: 1}); n != 0 || err != nil {
		t.Errorf("a read that waits: %d taken, %v", n, err)
	}
	do(s, "PUT", "/v0/topics/t", "")
	if err := c.Take(s.bounds.Usage().Left()); err != nil {
		t.Fatal(err)
	}
	wantCode(t, do(s, "GET", "/v0/topics/t/diff", ""), 429, "throttled")
	if w := do(s, "GET", "/v0/topics/t/diff?max_batch_bytes=4096", ""); w.Code != 200 {
		t.Errorf("a small read: %d %s", w.Code, w.Body)
	}
	c.Give()
	if w := do(s, "GET", "/v0/topics/t/diff", ""); w.Code != 200 || s.bounds.Usage().Memory != 0 {
		t.Errorf("%d, %d bytes are still held", w.Code, s.bounds.Usage().Memory)
	}
}

// Where there is no memory for the answer, what was done is answered as done,
// and a session whose answer cannot be sent is not made.
func TestNoMemoryForAnAnswer(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.MaxInflightBytes = 4 << 20 }, nil)
	for i := range 100 {
		do(s.Server, "PUT", fmt.Sprintf("/v0/topics/%s%d", strings.Repeat("t", 200), i), "")
	}
	s.main.router.Handle("DELETE", "/large", func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
		s.answer(w, r, &call.Route{Method: "DELETE", Pattern: "/large", Kind: call.Data, Scope: auth.Delete, Serve: func(c *call.Call) error {
			_, err := c.Write(make([]byte, 1<<20))
			return err
		}}, nil)
	})
	other := callOf(s.Server, s.open)
	defer other.Give()
	if err := other.Take(s.bounds.Usage().Left()); err != nil {
		t.Fatal(err)
	}
	if w := do(invented{s.Server}, "DELETE", "/large", ""); w.Code != 200 || w.Body.Len() != 1<<20 {
		t.Errorf("a change: %d with %d bytes", w.Code, w.Body.Len())
	}
	wantCode(t, do(s.Server, "POST", "/v0/watch", `{"prefixes":{"t":{}}}`), 429, "throttled")
	if n, _ := s.watches.counts(); n != 0 {
		t.Errorf("%d sessions that nobody knows", n)
	}
	other.Give()
	if w := do(s.Server, "POST", "/v0/watch", `{"prefixes":{"t":{}}}`); w.Code != 200 || s.bounds.Usage().Memory != 0 {
		t.Errorf("with memory: %d, %d bytes are still held", w.Code, s.bounds.Usage().Memory)
	}
}
