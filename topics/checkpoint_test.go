package topics

import (
	"fmt"
	"testing"

	"github.com/e6e95bb8/topics/topics/topic"
)

// A state that is written in many pieces comes back as a whole.
func TestLargeState(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.FileBytes, w.wal.QueueBytes = 1<<20, 4<<20 })
	const topics, keys = 4, 6500
	write := func(i, key int) topic.Written {
		return w.append(fmt.Sprint(i), &topic.Write{Records: records(1), IdempotencyKey: fmt.Sprint(key)})
	}
	for i := range topics {
		for key := range keys {
			write(i, key)
		}
	}
	w.checkpoint(nil)
	if n := len(w.disk.state); n < 2*stateChunk {
		t.Fatalf("a state of %d bytes", n)
	}
	w.kill()
	for i := range topics {
		for _, key := range []int{0, keys - 1} {
			if out := write(i, key); !out.Deduped || out.First != uint64(key)+1 || out.Head != keys {
				t.Fatalf("topic %d, key %d: %+v", i, key, out)
			}
		}
	}
}
