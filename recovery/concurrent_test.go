package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// crowd is many clients at once on few topics, with everything that runs in
// the background running.
type crowd struct {
	t     *testing.T
	data  *recovery.Recovered
	ended context.Context // the clients are to go home
	fails atomic.Bool     // the disk may fail

	mu    sync.Mutex
	acked map[string]record.Class // payload of a steady topic: the class it was acked under
}

func crowdOptions(fsys *crashfs.FS, boot int) recovery.Options {
	o := options(fsys, boot, nil)
	o.WAL.Manual, o.WAL.FileBytes, o.Topics.EphemeralBytes = false, 64<<10, 64<<20
	return o
}

// steady topics keep one class and are never deleted; the rest see it all.
var steady = []string{"ephemeral", "memory", "disk", "fsync"}

// tolerate holds that an error is one that a client may meet.
func (c *crowd) tolerate(err error) {
	switch kind(err) {
	case record.KindNotFound, record.KindFull, record.KindRecordTooLarge, record.KindNotEmpty, record.KindSeqMismatch:
		return
	case record.KindReadOnly, record.KindUnavailable: // the latter while a file cannot be made
		if c.fails.Load() && errors.Is(err, syscall.EIO) {
			return
		}
	}
	if err != nil && c.ended.Err() == nil {
		c.t.Error(err)
	}
}

// write appends to a steady topic until it is time, and notes what was acked.
func (c *crowd) write(id int, rng *rand.Rand) {
	for i := 0; c.ended.Err() == nil && !c.t.Failed(); i++ {
		class := record.Class(rng.IntN(len(steady)))
		w := &topic.Write{DisableBackpressure: true}
		for n := range 1 + rng.IntN(5) {
			w.Records = append(w.Records, record.Record{Data: fmt.Appendf(nil, `"%d %d %d"`, id, i, n)})
		}
		if rng.IntN(2) == 0 {
			w.IdempotencyKey = fmt.Sprintf("%d %d", id, i)
		}
		out, err := c.data.Registry.Append(context.Background(), steady[class], w)
		if err != nil {
			c.tolerate(err)
			continue
		}
		if out.Count != len(w.Records) || out.Last-out.First+1 != uint64(out.Count) || out.Deduped || out.Created {
			c.t.Errorf("%+v", out)
		}
		c.mu.Lock()
		for _, r := range w.Records {
			c.acked[string(r.Data)] = class
		}
		c.mu.Unlock()
	}
}

// follow reads a steady topic by long polls and holds that nothing is missing.
func (c *crowd) follow(name string) {
	q := topic.Query{Limit: 100, MaxBytes: 1 << 16, Wait: time.Minute}
	for c.ended.Err() == nil {
		b, err := c.data.Registry.Read(c.ended, name, &q)
		if err != nil {
			c.t.Error(err)
			return
		}
		for i, r := range b.Records {
			if r.Seq != q.From+1+uint64(i) {
				c.t.Errorf("%s: seq %d after %d", name, r.Seq, q.From+uint64(i))
				return
			}
		}
		if b.Tombstone != nil {
			c.t.Errorf("%s: %+v", name, b.Tombstone)
			return
		}
		q.From = b.NextFrom
	}
}

// churn does everything else to the topics that are not steady.
func (c *crowd) churn(rng *rand.Rand) {
	ctx, r := context.Background(), c.data.Registry
	for c.ended.Err() == nil {
		name := fmt.Sprint("churn", rng.IntN(3))
		var err error
		switch rng.IntN(12) {
		case 0:
			class := record.Class(rng.IntN(4)).String()
			_, err = r.Put(ctx, name, &record.ConfigPatch{Durability: &class})
		case 1:
			limit, ttl := int64(rng.IntN(20)), int64(rng.IntN(20))
			_, err = r.Patch(ctx, name, &record.ConfigPatch{CapRecords: &limit, TTLMS: &ttl})
		case 2:
			_, err = r.Delete(ctx, name, rng.IntN(2) == 0)
		case 3:
			_, err = r.State(name, true)
		case 4:
			r.List("", "c", 3)
			r.Totals()
			r.Busiest(2)
		case 5:
			r.Sweep(ctx)
		case 6, 7:
			wait, cancel := context.WithTimeout(ctx, time.Millisecond)
			_, err = r.Read(wait, name, &topic.Query{From: rng.Uint64N(50), Limit: 5, MaxBytes: 100, Wait: time.Second})
			cancel()
		default:
			w := &topic.Write{Records: []record.Record{{Data: []byte("1")}, {Data: []byte("2")}}, IdempotencyKey: fmt.Sprint(rng.IntN(5))}
			_, err = r.Append(ctx, name, w)
		}
		c.tolerate(err)
	}
}

// gather starts the crowd, lets it be until work is done, and sends it home.
func gather(t *testing.T, fsys *crashfs.FS, work func(*crowd)) *crowd {
	data, err := recovery.Run(context.Background(), crowdOptions(fsys, 1))
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	c := &crowd{t: t, data: data, ended: ctx, acked: map[string]record.Class{}}
	for _, name := range steady {
		if _, err := data.Registry.Put(ctx, name, &record.ConfigPatch{Durability: &name}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for id := range 6 {
		rng := rand.New(rand.NewPCG(uint64(id), 1))
		wg.Go(func() { c.write(id, rng) })
		wg.Go(func() { c.churn(rand.New(rand.NewPCG(uint64(id), 2))) })
	}
	for _, name := range steady {
		wg.Go(func() { c.follow(name) })
	}
	work(c)
	end()
	wg.Wait()
	return c
}

// until waits for a condition of the log, which the crowd brings about.
func (c *crowd) until(reached func() bool) {
	for !reached() && !c.t.Failed() {
		time.Sleep(time.Millisecond)
	}
}

// holds recovers and compares everything acked under a class of at least kept.
func (c *crowd) holds(fsys *crashfs.FS, boot int, kept record.Class) {
	c.t.Helper()
	data, err := recovery.Run(context.Background(), crowdOptions(fsys, boot))
	if err != nil {
		c.t.Fatal(err)
	}
	there := map[string]int{}
	for _, name := range steady {
		got, _ := readAll(c.t, data.Registry, name)
		for _, rec := range got {
			there[string(rec.Data)]++
		}
	}
	byClass := map[record.Class]int{}
	for payload, class := range c.acked {
		if n := there[payload]; n > 1 || n == 0 && class >= kept {
			c.t.Fatalf("%s, acked as %v, is there %d times", payload, class, n)
		}
		byClass[class]++
	}
	if len(byClass) < len(steady) {
		c.t.Fatalf("acked %v", byClass)
	}
	if err := data.Close(context.Background()); err != nil {
		c.t.Fatal(err)
	}
}

func TestCrowd(t *testing.T) {
	defer goleak.VerifyNone(t)
	fsys := crashfs.New()
	c := gather(t, fsys, func(c *crowd) {
		c.until(func() bool { return c.data.Log.Stats().Rotations >= 60 })
	})
	if err := c.data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.holds(fsys.Kill(), 1, record.Memory)
}

func TestCrowdOnAFailingDisk(t *testing.T) {
	defer goleak.VerifyNone(t)
	for round := range 5 {
		fsys := crashfs.New()
		c := gather(t, fsys, func(c *crowd) {
			c.until(func() bool { return c.data.Log.Stats().Rotations >= 2 })
			c.fails.Store(true)
			c.until(func() bool {
				fsys.FailSync("*.wal", 1) // also of a file that is only being made, which is no failure of the log
				return c.data.Log.Stats().ReadOnly
			})
		})
		if err := c.data.Close(context.Background()); !errors.Is(err, syscall.EIO) {
			t.Fatalf("closing a failed log: %v", err)
		}
		c.holds(fsys.Clone(), 1, record.Disk)
		c.holds(fsys.Crash(rand.New(rand.NewPCG(uint64(round), 9))), 2, record.Fsync)
	}
}
