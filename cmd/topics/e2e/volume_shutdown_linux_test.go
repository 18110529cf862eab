package e2e

import (
	"context"
	"net/http"
	"sync"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// lives is how often a volume disappears under one server's data.
const lives = 3

// lateSync delays the background sync of class disk, so that there is something
// to lose.
var lateSync = []string{"TOPICS_WAL_FILE_BYTES=1MiB", "TOPICS_DISK_SYNC_MS=60000", "TOPICS_CHECKPOINT_INTERVAL_MS=0", "TOPICS_LOG_LEVEL=error"}

// A volume disappears under a server that is being written to, and reappears in
// the same boot of the machine: what was only in the page cache is lost,
// however the server ended. All records of class fsync exist, losses of class
// disk are in a tombstone, and no seq is given twice. One start is sufficient.
func TestVolumeGoesAway(t *testing.T) {
	for name, end := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kinds(t, func(t *testing.T, v *volume) {
				books := classes()
				for range lives {
					server := serve(t, v.in("data"), lateSync...).ready()
					holdAll(t, server, books)
					writeUntilGone(t, v, server, books)
					server.signal(end)
					<-server.done // how it ends after this is not tested
					startInVain(t, v)
					v.unmount()
					v.check()
					v.mount()
					if t.Failed() {
						return
					}
				}
				server := serve(t, v.in("data"), lateSync...).ready()
				holdAll(t, server, books)
				server.stop()
			})
		})
	}
}

// A snapshot of a volume in use is mounted in the same boot of the machine and
// at the same place. It has what had been written to the disk by then, and
// nothing else.
func TestVolumeFromASnapshot(t *testing.T) {
	kinds(t, func(t *testing.T, v *volume) {
		books := classes()
		server := serve(t, v.in("data"), lateSync...).ready()
		holdAll(t, server, books)
		for range 50 {
			for _, b := range books {
				if err := b.write(t, server.client(), 2000); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 50 { // after the last sync
			if err := books[1].write(t, server.client(), 2000); err != nil {
				t.Fatal(err)
			}
		}
		v.snapshot()
		server.kill()
		v.unmount()
		v.revert()
		v.check()
		v.mount()
		server = serve(t, v.in("data"), lateSync...).ready()
		holdAll(t, server, books)
		server.kill()
		server = serve(t, v.in("data"), lateSync...).ready()
		holdAll(t, server, books)
		server.stop()
	})
}

// classes returns books of the two classes that survive a process, for topics
// of the same names.
func classes() []*acked { return []*acked{newAcked("fsync"), newAcked("disk")} }

// holdAll creates the topics, compares their contents with the books, and
// writes one more record to each.
func holdAll(t *testing.T, server *process, books []*acked) {
	t.Helper()
	for _, b := range books {
		if _, err := server.client().PutTopic(context.Background(), b.topic, client.Config{Durability: b.topic}); err != nil {
			t.Fatal(err)
		}
		b.check(t, server.client(), b.topic == "disk")
		if err := b.write(t, server.client(), 100); err != nil {
			t.Fatal(err)
		}
	}
}

// startInVain starts a server on a volume that has disappeared. It must not
// become ready.
func startInVain(t *testing.T, v *volume) {
	t.Helper()
	server := serve(t, v.in("data"), lateSync...)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := server.client().WaitReady(ctx, nil); err == nil || ctx.Err() != nil {
		t.Errorf("a start on a volume that is gone: %v", err)
	}
	server.kill()
}

// writeUntilGone writes to all topics concurrently, shuts the volume down
// meanwhile, and returns when every writer was refused.
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
