package attack

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// attack is one kind of hostile behaviour.
type attack struct {
	name string
	what string
	env  []string // additional settings of the server
	run  func(*foe)
	disk time.Duration // of each read of an old record, unless it is 0; only where there is slowCommand
}

// attacks are all attacks. The first one does nothing, for comparison.
var attacks = []attack{
	{name: "none", what: "nothing, for comparison", run: func(*foe) {}},
	{name: "bodies-plain", what: "64 clients write 6 MB, every fourth of them 54 MB", run: bodies("", false)},
	{name: "bodies-gzip", what: "64 clients write 6 MB in gzip", run: bodies("gzip", false)},
	{name: "bodies-zstd", what: "64 clients write 6 MB in zstd with a window of 8 MB", run: bodies("zstd", false)},
	{name: "stalled-plain", what: "500 clients stall at the end of 6 MB", run: bodies("", true)},
	{name: "stalled-gzip", what: "500 clients stall at the end of 6 MB in gzip", run: bodies("gzip", true)},
	{name: "stalled-zstd", what: "500 clients stall at the end of 6 MB in zstd", run: bodies("zstd", true)},
	{name: "h2-window", what: "100 HTTP/2 connections with a window of 0 and 100 requests of every route each", run: closedWindows(100, 0)},
	{name: "h2-headers", what: "the same with 15 KB of headers in each", run: closedWindows(100, 15_000)},
	{name: "readers", what: "500 clients request 8 MB and read nothing", run: readers},
	{name: "lists", what: "500 clients list 5,000 topics and scrape metrics, and read nothing", env: []string{"TOPICS_METRICS_MAX_TOPICS=100000"}, run: lists},
	{name: "streams", what: "2,000 event streams at different positions that are not read", run: streams},
	{name: "sockets", what: "2,000 WebSockets at different positions that are not read", run: sockets},
	{name: "subscriptions", what: "1,000 WebSockets that subscribe to 256 topics each", run: subscriptions},
	{name: "keys", what: "64 clients write with an idempotency key of 256 bytes for each record", run: idempotency},
	{name: "cold", what: "12,000 clients at a time read old records that are not in the cache", env: []string{"TOPICS_CACHE_BYTES=1MiB"}, run: coldReads},
	{
		name: "slow-disk", what: "12,000 clients at a time read old records from a disk that takes 50 ms for each read",
		env: []string{"TOPICS_CACHE_BYTES=1MiB", "TOPICS_HOT_RETAIN_SEGMENTS=0", "TOPICS_CHECKPOINT_INTERVAL_MS=0"},
		run: coldReads, disk: 50 * time.Millisecond,
	},
	{name: "connections", what: "15,000 connections without a request", run: connections("")},
	{name: "headers", what: "4,000 connections with 60 KB of an incomplete header", run: headers},
}

// bodyBytes is the size of a body that a server with 256 MiB accepts.
const bodyBytes = 6 << 20

// bodies writes with a content coding; if stalled, the ends of the bodies are not
// sent.
func bodies(coding string, stalled bool) func(*foe) {
	return func(f *foe) {
		whole := f.write(bodyBytes, coding)
		if stalled {
			f.crowd(500, func(int) { f.stall(whole[:len(whole)-5]) })
			return
		}
		huge := whole
		if coding == "" {
			huge = f.write(54<<20, coding)
		}
		f.crowd(64, func(i int) {
			if i%4 == 3 {
				f.send(huge)
			} else {
				f.send(whole)
			}
		})
	}
}

// write renders a write request of that size before compression.
func (f *foe) write(size int, coding string) []byte {
	record := `{"data":"` + strings.Repeat("x", largeRecord) + `"},`
	body := []byte(`{"records":[` + strings.TrimSuffix(strings.Repeat(record, size/len(record)), ",") + `]}`)
	if coding == "" {
		return request("POST", "/v0/topics/bodies", "", body)
	}
	return request("POST", "/v0/topics/bodies", "Content-Encoding: "+coding+"\r\n", pack(body, coding))
}

func pack(body []byte, coding string) []byte {
	var packed bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&packed)
	if coding == "zstd" {
		z, _ = zstd.NewWriter(&packed, zstd.WithWindowSize(8<<20)) // the option is valid
	}
	_, _ = z.Write(body) // into memory
	_ = z.Close()
	return packed.Bytes()
}

func readers(f *foe) {
	f.crowd(500, func(i int) {
		f.stall(request("GET", fmt.Sprintf("/v0/topics/%s/diff?limit=1000&max_batch_bytes=8388608&from_seq=%d", large, i%largeRecords), "", nil))
	})
}

func lists(f *foe) {
	for i := range int(5000 * min(f.scale, 1)) {
		if f.ctx.Err() != nil {
			return
		}
		f.send(request("POST", fmt.Sprintf("/v0/topics/%s-%d", strings.Repeat("a", 200), i), "", []byte(`{"records":[{"data":1}]}`)))
	}
	targets := []string{"/v0/topics?page_size=1000", "/v0/metrics", "/v0/routers", "/v0/topics/large"}
	f.crowd(500, func(i int) { f.stall(request("GET", targets[i%len(targets)], "", nil)) })
}

func idempotency(f *foe) {
	f.crowd(64, func(int) {
		key := fmt.Sprintf("%0256d", rand.Uint64())
		f.send(request("POST", "/v0/topics/keys", "", []byte(`{"records":[{"data":1}],"idempotency_key":"`+key+`"}`)))
	})
}

func coldReads(f *foe) {
	f.crowd(12_000, func(int) {
		from := rand.IntN(oldRecords)
		f.send(request("GET", fmt.Sprintf("/v0/topics/%s/diff?limit=1&from_seq=%d", old, from), "", nil))
	})
}

func connections(sent string) func(*foe) {
	return func(f *foe) { f.crowd(15_000, func(int) { f.stall([]byte(sent)) }) }
}

func headers(f *foe) {
	begun := []byte("GET /v0/topics HTTP/1.1\r\nHost: 127.0.0.1\r\nA: " + strings.Repeat("a", 60_000))
	f.crowd(4_000, func(int) { f.stall(begun) })
}
