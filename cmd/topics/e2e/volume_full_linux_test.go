package e2e

import (
	"context"
	"net/http"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// fullStarts is how often a server is started on a disk without a free byte.
const fullStarts = 50

// A disk is filled to its last byte: by the server, whose records do not
// compress, and by other files. The server starts all the same after each kill,
// and reads and deletes work. What is deleted makes room for writes, although
// the other files stay.
func TestFullVolume(t *testing.T) {
	kinds(t, func(t *testing.T, v *volume) {
		ctx := context.Background()
		v.fill() // so that the filler is there when there is no room for one
		v.release(24 << 20)
		server := serve(t, v.in("data"), "TOPICS_WAL_FILE_BYTES=1MiB", "TOPICS_CHECKPOINT_BYTES=2MiB", "TOPICS_SEGMENT_MAX_BYTES=1MiB",
			"TOPICS_CHECKPOINT_INTERVAL_MS=100", "TOPICS_LOG_LEVEL=error").ready()
		books := classes()
		for _, b := range books {
			if _, err := server.client().PutTopic(ctx, b.topic, client.Config{Durability: b.topic}); err != nil {
				t.Fatal(err)
			}
		}
		writeUntilFull(t, server, books)
		for n := range fullStarts {
			server.kill()
			v.fill() // whatever the kill gave back
			server = server.again().ready()
			if n%10 == 0 {
				for _, b := range books {
					b.check(t, server.client(), false)
				}
			}
		}
		if t.Failed() {
			return
		}
		for _, b := range books {
			before := uint64(b.count()) * 3 / 4
			if _, err := server.client().DeleteRecords(ctx, b.topic, client.Deletion{Before: &before}); err != nil {
				t.Fatalf("delete on a full disk: %v", err)
			}
			b.forget(before)
			b.check(t, server.client(), false)
		}
		c := server.client()
		server.until("there is room again", func() bool { return books[0].write(t, c, 10_000) == nil })
		for range 100 {
			if err := books[0].write(t, c, 10_000); err != nil {
				t.Fatalf("there was room, and is none any more: %v", err)
			}
		}
		server.kill()
		server = server.again().ready()
		for _, b := range books {
			b.check(t, server.client(), false)
		}
	})
}

// writeUntilFull writes until nothing more is taken, however small.
func writeUntilFull(t *testing.T, server *process, books []*acked) {
	t.Helper()
	c := server.client()
	for size := 60_000; size > 100; {
		refused := false
		for _, b := range books {
			err := b.write(t, c, size)
			if err != nil && statusOf(err) != http.StatusInsufficientStorage && statusOf(err) != http.StatusTooManyRequests {
				t.Fatalf("on a disk that gets full: %v", err)
			}
			refused = refused || statusOf(err) == http.StatusInsufficientStorage
		}
		if refused {
			size /= 4
		}
	}
}
