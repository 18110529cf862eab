package e2e

import (
	"context"
	"net/http"
	"sync"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// lives is how often a volume goes under one server's data.
const lives = 3

// A volume goes away under a server that is being written, and comes back in
// the same boot of the machine: what was only in the page cache is gone,
// however the server ended. Everything of class fsync is there, what is lost of
// class disk is in a tombstone, and no seq is given twice.
func TestVolumeGoesAway(t *testing.T) {
	for name, end := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			kinds(t, func(t *testing.T, v *volume) {
				books := []*acked{newAcked("fsync"), newAcked("disk")}
				// The background sync comes late, so that there is something to lose.
				env := []string{"TOPICS_WAL_FILE_BYTES=1MiB", "TOPICS_DISK_SYNC_MS=60000", "TOPICS_CHECKPOINT_INTERVAL_MS=0", "TOPICS_LOG_LEVEL=error"}
				for range lives {
					server := serve(t, v.in("data"), env...).ready()
					for _, b := range books {
						if _, err := server.client().PutTopic(context.Background(), b.topic, client.Config{Durability: b.topic}); err != nil {
							t.Fatal(err)
						}
						b.check(t, server.client(), b.topic == "disk")
					}
					writeUntilGone(t, v, server, books)
					server.signal(end)
					<-server.done // how it ends after this is not what is tested
					v.unmount()
					v.check()
					v.mount()
					if t.Failed() {
						return
					}
				}
				server := serve(t, v.in("data"), env...).ready()
				for _, b := range books {
					b.check(t, server.client(), b.topic == "disk")
					if err := b.write(t, server.client(), 100); err != nil {
						t.Fatal(err)
					}
				}
				server.stop()
			})
		})
	}
}

// writeUntilGone writes all topics at once, shuts the volume down in the middle
// of it, and returns when every writer was refused.
func writeUntilGone(t *testing.T, v *volume, server *process, books []*acked) {
	t.Helper()
	c := server.client()
	before := 0
	for _, b := range books {
		before += b.count()
	}
	var writers sync.WaitGroup
	for _, b := range books {
		for range 2 {
			writers.Go(func() {
				for {
					err := b.write(t, c, 2000)
					switch status := statusOf(err); {
					case err == nil, status == http.StatusTooManyRequests:
						continue
					case status != http.StatusServiceUnavailable:
						t.Errorf("a write while the volume goes: %v", err)
					}
					return
				}
			})
		}
	}
	server.until("enough is written", func() bool {
		n := -before
		for _, b := range books {
			n += b.count()
		}
		return n > 300
	})
	v.shutdown()
	writers.Wait()
}
