package e2e

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// fullStarts is how often a server is started on a disk without a free byte.
var fullStarts = flag.Int("full-starts", 20, "starts on a disk without a free byte")

// A server fills its disk with incompressible records until writes are refused.
// Deletions then make room for writes.
func TestFullVolume(t *testing.T) {
	kinds(t, func(t *testing.T, v *volume) {
		server, books := fillUp(t, v)
		for _, b := range books {
			b.delete(t, server.client(), uint64(b.count())*3/4)
		}
		roomAgain(t, server, books)
	})
}

// Other files take the rest of the disk to the last byte, and whatever becomes
// free later. The server still starts after each kill, and reads and deletions
// work. When everything is deleted and there is room for a checkpoint, writes
// work again, although the other files stay.
func TestVolumeWithoutAByte(t *testing.T) {
	kinds(t, func(t *testing.T, v *volume) {
		server, books := fillUp(t, v)
		for n := range *fullStarts {
			server.kill()
			whole := reserved(t, v.in("data"))
			v.fill()
			server = server.again()
			if !whole && !server.starts() {
				v.release(1 << 20)
				server = server.again()
			}
			server.ready()
			if n%10 == 0 {
				for _, b := range books {
					b.check(t, server.client(), false)
				}
			}
			if t.Failed() {
				return
			}
		}
		for _, b := range books {
			b.delete(t, server.client(), uint64(b.count())+1)
		}
		v.release(1 << 20)
		roomAgain(t, server, books)
	})
}

// reserved reports whether both reserves for the manifest are there. The kill may
// have come after one was used and before it was made again: then the next start
// may need some space, as health and metrics say.
func reserved(t *testing.T, dir string) bool {
	t.Helper()
	for _, name := range []string{"RESERVE", "RESERVE.prev"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() < 16<<10 {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return true
}

// starts waits until a server is ready or has ended, and reports whether it is
// ready.
func (p *process) starts() bool {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return p.client().WaitReady(ctx, nil) == nil
}

// fillUp starts a server on a volume with some room, and writes until there is
// none.
func fillUp(t *testing.T, v *volume) (*process, []*acked) {
	t.Helper()
	v.fill() // creates the filler while there is still room for a file
	v.release(24 << 20)
	server := serve(t, v.in("data"), "TOPICS_WAL_FILE_BYTES=1MiB", "TOPICS_CHECKPOINT_BYTES=2MiB", "TOPICS_SEGMENT_MAX_BYTES=1MiB",
		"TOPICS_CHECKPOINT_INTERVAL_MS=100", "TOPICS_LOG_LEVEL=warn").ready()
	books := classes()
	for _, b := range books {
		if _, err := server.client().PutTopic(context.Background(), b.topic, client.Config{Durability: b.topic}); err != nil {
			t.Fatal(err)
		}
	}
	writeUntilFull(t, server, books)
	return server, books
}

// roomAgain waits until a write succeeds, and holds that further ones do too
// and that everything acknowledged exists after a kill.
func roomAgain(t *testing.T, server *process, books []*acked) {
	t.Helper()
	c := server.client()
	server.until("there is room again", func() bool { return books[0].write(t, c, 10_000) == nil })
	for range 100 {
		if err := books[0].write(t, c, 1000); err != nil {
			t.Fatalf("there was room, and is none any more: %v", err)
		}
	}
	server.kill()
	server = server.again().ready()
	for _, b := range books {
		b.check(t, server.client(), false)
	}
}

// writeUntilFull writes until even the smallest write is refused.
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
