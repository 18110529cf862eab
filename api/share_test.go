package api

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/julienschmidt/httprouter"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// A key has three quarters of the memory at most, and a quarter while others
// ask; where there are no keys, or one, all is for all.
func TestFairShare(t *testing.T) {
	b := &budget{name: "test", limit: 1000}
	var one, two, three account
	take := func(a *account, n int64) error {
		h := holder{}
		if a != nil {
			h = holder{a, &a.inflight}
		}
		return b.reserve(h, n)
	}
	refused := func(a *account, n, most int64) {
		t.Helper()
		var e *wire.Error
		if err := take(a, n); !errors.As(err, &e) || e.Status != 429 || e.Detail["limit"] != "test" || e.Detail["max"] != most {
			t.Errorf("%d more: %v, want 429 with at most %d", n, err, most)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	must(take(&one, 750))
	refused(&one, 1, 750)
	must(take(&two, 250)) // what was left for it
	refused(&three, 1, 1000)
	b.release(holder{&one, &one.inflight}, 750)
	refused(&one, 251, 250) // two has something, and three asks
	must(take(&one, 250))
	must(take(&three, 250))
	for _, a := range []*account{&one, &two, &three} {
		b.release(holder{a, &a.inflight}, 250)
	}
	refused(&two, 251, 250) // one was the last to ask
	b.askedAt = b.askedAt.Add(-2 * askedFor)
	must(take(&two, 750))
	b.release(holder{&two, &two.inflight}, 750)
	must(take(nil, 1000))
	refused(nil, 1, 1000)
	if used := b.used.Load(); used != 1000 {
		t.Errorf("%d are in use", used)
	}
}

// Bodies that stall do not keep others out: a body whose client sends nothing
// for a while is ended when there is no memory for another one.
func TestStalledBodiesGiveWay(t *testing.T) {
	s, _ := keyedServer(t, "aaaa,bbbb", func(o *Options) { o.Limits.MaxInflightBytes = 4 << 20 })
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
	waitFor(t, func() bool { return s.memory.used.Load() > 2<<20 })
	body := `{"records":[{"data":"` + strings.Repeat("x", 900<<10) + `"}]}`
	began := time.Now()
	waitFor(t, func() bool {
		w := do(s, "POST", "/v0/topics/t", body, "Authorization", "Bearer bbbb")
		if w.Code != 200 && w.Code != http.StatusTooManyRequests {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Code == 200
	})
	if took := time.Since(began); took > s.opts.Limits.BodyTimeout/2 {
		t.Errorf("it took %v to get past those that stall", took)
	}
	for _, conn := range stalls {
		conn.Close()
	}
	waitFor(t, func() bool { return s.inUse() == 0 && s.memory.used.Load() == 0 })
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
	if used := s.memory.used.Load(); used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// Frames of all kinds, one after the other, are what the decoder alone makes of
// them, however the bytes arrive.
func TestFramesPassUnchanged(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	rng := rand.New(rand.NewPCG(3, 3))
	s, _ := openServer(nil)
	for range 60 {
		var packed, plain []byte
		for range 1 + rng.IntN(4) {
			part := make([]byte, rng.IntN(300_000))
			for i := range part {
				part[i] = byte(rng.IntN(1 + rng.IntN(4)*80))
			}
			plain = append(plain, part...)
			packed = append(packed, zstded(t, part, zstd.WithWindowSize(1<<(10+rng.IntN(13))),
				zstd.WithSingleSegment(rng.IntN(2) == 0), zstd.WithEncoderCRC(rng.IntN(2) == 0))...)
			if rng.IntN(2) == 0 { // one to skip
				n := rng.IntN(50)
				packed = binary.LittleEndian.AppendUint32(packed, 0x184D2A50)
				packed = binary.LittleEndian.AppendUint32(packed, uint32(n))
				packed = append(packed, make([]byte, n)...)
			}
		}
		c := &call{r: &http.Request{Header: http.Header{"Content-Encoding": {"zstd"}}}}
		in := &incoming{server: s, call: c, src: &pieces{packed, rng}, giveUp: func() {}}
		src, done, err := wire.Decode(c.r.Header.Get("Content-Encoding"), in, s.opts.Limits.MaxBodyBytes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := in.readAll(src, int64(len(plain)))
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(plain), err)
		}
		done()
		in.through()
		s.memory.give(c)
	}
	if used := s.memory.used.Load(); used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// pieces gives bytes out in pieces of any size.
type pieces struct {
	left []byte
	rng  *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	n := min(len(b), 1+p.rng.IntN(5000))
	n = copy(b[:n], p.left)
	if p.left = p.left[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Streams and sessions take their memory before they are made, each key at most
// its part, and give it back.
func TestFollowingTakesMemory(t *testing.T) {
	keys, err := auth.Parse("aaaa,bbbb")
	if err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, func(o *Options) { o.Keys, o.Limits.StreamBytes = keys, 16*streamCost }, nil)
	stream := func(secret string) (func(), error) {
		k := keys.Find(secret)
		return s.takeStream(&call{key: k, account: s.ring.Load().sharer(k), route: &route{}})
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
	if n := s.slots.streams.n.Load(); n != 6 {
		t.Errorf("%d slots are taken by 6 streams", n)
	}
	do(s.Server, "PUT", "/v0/topics/t", "", "Authorization", "Bearer bbbb")
	w := do(s.Server, "POST", "/v0/watch", `{"topics":{"t":{}}}`, "Authorization", "Bearer bbbb")
	if w.Code != 200 || s.following.used.Load() != 6*streamCost+sessionCost+followedCost {
		t.Errorf("a session of another key: %d %s, %d bytes", w.Code, w.Body, s.following.used.Load())
	}
	s.watches.remove(object(t, w)["wid"].(string), func(*auth.Key) bool { return true }, errRevoked)
	for _, back := range release {
		back()
	}
	if used := s.following.used.Load(); used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// A read takes the memory for what it may bring, a quarter of what is left at
// most, and is refused where there is none.
func TestReadsTakeMemory(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.MaxInflightBytes, o.Limits.MaxRecordBytes = 4<<20, 512<<10 })
	c := &call{}
	for _, want := range []int{1 << 20, 3 << 18, 9 << 16} {
		q := &topic.Query{MaxBytes: 8 << 20}
		if n, err := s.takeBatch(c, q); err != nil || q.MaxBytes < want || q.MaxBytes > want+2*firstRead || n != beyondFirst(q.MaxBytes) {
			t.Errorf("%d bytes, %d taken, %v; want about %d", q.MaxBytes, n, err, want)
		}
	}
	if n, err := s.takeBatch(c, &topic.Query{MaxBytes: 8 << 20, Wait: 1}); n != 0 || err != nil {
		t.Errorf("a read that waits: %d taken, %v", n, err)
	}
	do(s, "PUT", "/v0/topics/t", "")
	if err := s.memory.take(c, s.memory.limit-s.memory.used.Load()); err != nil {
		t.Fatal(err)
	}
	wantCode(t, do(s, "GET", "/v0/topics/t/diff", ""), 429, "throttled")
	if w := do(s, "GET", "/v0/topics/t/diff?max_batch_bytes=4096", ""); w.Code != 200 {
		t.Errorf("a small read: %d %s", w.Code, w.Body)
	}
	s.memory.give(c)
	if w := do(s, "GET", "/v0/topics/t/diff", ""); w.Code != 200 || s.memory.used.Load() != 0 {
		t.Errorf("%d, %d bytes are still held", w.Code, s.memory.used.Load())
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
		s.answer(w, r, &route{"DELETE", "/large", data, auth.Delete, func(c *call) error {
			_, err := c.Write(make([]byte, 1<<20))
			return err
		}}, nil)
	})
	var other call
	defer s.memory.give(&other)
	if err := s.memory.take(&other, s.memory.limit-s.memory.used.Load()); err != nil {
		t.Fatal(err)
	}
	if w := do(invented{s.Server}, "DELETE", "/large", ""); w.Code != 200 || w.Body.Len() != 1<<20 {
		t.Errorf("a change: %d with %d bytes", w.Code, w.Body.Len())
	}
	wantCode(t, do(s.Server, "POST", "/v0/watch", `{"prefixes":{"t":{}}}`), 429, "throttled")
	if n, _ := s.watches.counts(); n != 0 {
		t.Errorf("%d sessions that nobody knows", n)
	}
	s.memory.give(&other)
	if w := do(s.Server, "POST", "/v0/watch", `{"prefixes":{"t":{}}}`); w.Code != 200 || s.memory.used.Load() != 0 {
		t.Errorf("with memory: %d, %d bytes are still held", w.Code, s.memory.used.Load())
	}
}
