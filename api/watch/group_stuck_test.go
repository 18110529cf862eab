package watch

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/topics/topic"
)

// stuckDisk is a world whose reads wait until their context ends, once stuck.
type stuckDisk struct {
	*world
	stuck atomic.Bool
	reads atomic.Int64
}

func (d *stuckDisk) Read(ctx context.Context, name string, q *topic.Query) (*topic.Batch, error) {
	if d.stuck.Load() {
		d.reads.Add(1)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.world.Read(ctx, name, q)
}

// A group whose read hangs holds up no member that leaves, and ends with the last one.
func TestGroupOnAStuckDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.group()
		d := &stuckDisk{world: w}
		w.frames.engine = d
		w.write("a", 0, 1)
		var all []*follower
		for range 10 {
			all = append(all, w.follower(t, plain(), nil))
		}
		synctest.Wait()
		d.stuck.Store(true)
		w.write("a", 1, 1)
		synctest.Wait()
		if n := d.reads.Load(); n != 1 {
			t.Errorf("%d reads", n)
		}
		for _, f := range all[:5] {
			f.close()
		}
		time.Sleep(time.Minute) // the others have left for their heartbeats, and wait
		began := time.Now()
		for _, f := range all[5:] {
			f.close()
		}
		synctest.Wait()
		if time.Since(began) != 0 || len(w.frames.lines) != 0 || w.frames.held.Load() != 0 {
			t.Errorf("after %v, %d lines, %d bytes are left", time.Since(began), len(w.frames.lines), w.frames.held.Load())
		}
	})
}
