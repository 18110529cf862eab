package topics

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// world is a registry over a log on a disk in memory, under a clock that only
// the test moves. Manual worlds start no goroutine.
type world struct {
	*Registry
	t   testing.TB
	fs  *crashfs.FS
	now int64
	wal wal.Options
	opt Options
	// wrap, if set, stands between the log and the disk.
	wrap func(vfs.FS) vfs.FS
	disk storage
	// damaged is set if pages were damaged: counts may be wrong.
	damaged bool
}

func newWorld(t testing.TB, change ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, fs: crashfs.New(), now: 1_000_000}
	stored(1 << 10)(w)
	w.wal = wal.Options{
		Dir: "/log", LogID: 7, FileBytes: 64 << 10, QueueBytes: 1 << 20, CacheBytes: 1 << 20, Manual: true,
		QueueWait: time.Minute, // no write is throttled because the machine is busy
	}
	w.opt.Now = func() int64 { return w.now }
	for _, f := range change {
		f(w)
	}
	if err := w.fs.MkdirAll("/log"); err != nil {
		t.Fatal(err)
	}
	w.boot(false, true)
	t.Cleanup(func() {
		if w.Registry == nil || w.shared.Log == nil {
			return
		}
		if n := w.shared.Log.Stats().Reserved; n != 0 && !t.Failed() {
			t.Errorf("%d bytes of the log are reserved at the end", n)
		}
		w.shared.Log.Close()
	})
	return w
}

// boot brings the last checkpoint and the log after it into a new registry and settles what was lost.
func (w *world) boot(powerLost, clean bool) []replay.Loss {
	w.t.Helper()
	if w.wal.FS = w.fs; w.wrap != nil {
		w.wal.FS = w.wrap(w.fs)
	}
	reading, err := wal.Open(w.wal)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Registry = New(w.opt)
	w.restore()
	w.Replay().Refer(reading.NewReader)
	tail, err := reading.Run(w.replay, func(int64) {})
	if err != nil {
		w.t.Fatal(err)
	}
	log, err := tail.Open()
	if err != nil {
		w.t.Fatal(err)
	}
	w.Start(log)
	losses := w.Replay().Losses(powerLost, clean)
	if err := w.Replay().LogLosses(context.Background(), losses); err != nil {
		w.t.Fatal(err)
	}
	return losses
}

// kill ends the process and starts another one.
func (w *world) kill() []replay.Loss {
	w.t.Helper()
	old := w.shared.Log
	w.fs = w.fs.Kill()
	old.Close() // its goroutines; its files are gone already
	return w.boot(false, false)
}

// power cuts the power with nothing of what was unsynced left.
func (w *world) power(seed uint64) []replay.Loss {
	w.t.Helper()
	old := w.shared.Log
	w.fs = w.fs.Crash(rand.New(rand.NewPCG(seed, seed)))
	old.Close()
	return w.boot(true, false)
}

// restart ends the process in an orderly way and starts another one.
func (w *world) restart() []replay.Loss {
	w.t.Helper()
	if err := errors.Join(w.Close(context.Background()), w.shared.Log.Close()); err != nil {
		w.t.Fatal(err)
	}
	w.fs = w.fs.Kill()
	return w.boot(false, true)
}

func ptr[T any](v T) *T { return &v }

// class is a config of that class.
func class(c record.Class) *record.ConfigPatch {
	return &record.ConfigPatch{Durability: ptr(c.String())}
}

func (w *world) put(name string, p *record.ConfigPatch) Configured {
	w.t.Helper()
	out, err := w.Put(context.Background(), name, p)
	if err != nil {
		w.t.Fatalf("put %s: %v", name, err)
	}
	return out
}

// records makes n records with 8 bytes of data each.
func records(n int) []record.Record {
	out := make([]record.Record, n)
	for i := range out {
		out[i].Data = fmt.Appendf(nil, "%08d", i)
	}
	return out
}

// write appends n records of 8 bytes.
func (w *world) write(name string, n int) topic.Written {
	w.t.Helper()
	return w.append(name, &topic.Write{Records: records(n)})
}

func (w *world) append(name string, wr *topic.Write) topic.Written {
	w.t.Helper()
	out, err := w.Append(context.Background(), name, wr)
	if err != nil {
		w.t.Fatalf("append to %s: %v", name, err)
	}
	return out
}

// refused holds that a write is refused for that reason and changes nothing.
func (w *world) refused(name string, wr *topic.Write, want record.Kind) *record.Error {
	w.t.Helper()
	before, _ := w.State(name, false)
	_, err := w.Append(context.Background(), name, wr)
	var e *record.Error
	if !errors.As(err, &e) || e.Kind != want {
		w.t.Fatalf("append to %s: %v, want kind %d", name, err, want)
	}
	if after, _ := w.State(name, false); !reflect.DeepEqual(after, before) {
		w.t.Fatalf("a refused append changed %s: %+v to %+v", name, before, after)
	}
	return e
}

// read reads with room for everything.
func (w *world) read(name string, from uint64) *topic.Batch {
	w.t.Helper()
	return w.query(name, &topic.Query{From: from, Limit: 1 << 20, MaxBytes: 1 << 30})
}

func (w *world) query(name string, q *topic.Query) *topic.Batch {
	w.t.Helper()
	b, err := w.Read(context.Background(), name, q)
	if err != nil {
		w.t.Fatalf("read %s from %d: %v", name, q.From, err)
	}
	return b
}

func (w *world) state(name string) topic.State {
	w.t.Helper()
	s, err := w.State(name, false)
	if err != nil {
		w.t.Fatalf("state of %s: %v", name, err)
	}
	return s
}

func kindOf(err error) record.Kind {
	var e *record.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// seqs are a batch's.
func seqs(b *topic.Batch) []uint64 {
	out := make([]uint64, 0, len(b.Records))
	for _, r := range b.Records {
		out = append(out, r.Seq)
	}
	return out
}

// run is the seqs from first to last.
func run(first, last uint64) []uint64 {
	out := make([]uint64, 0, last+1-first)
	for ; first <= last; first++ {
		out = append(out, first)
	}
	return out
}

// everyClass has the names of all durability classes, weakest first.
var everyClass = []string{"ephemeral", "memory", "disk", "fsync"}

// slot is a place in the log as a request has it that did not wait for room.
func (w *world) slot() *topic.Slot { return topic.NewSlot(w.shared.Log.Unreserved(0)) }

// startRouter gives a router its place, and does not wait until it is durable.
func (w *world) startRouter(name string, spec *router.Spec) (*routerChange, error) {
	counted, err := w.routing.checkFanout(name, spec)
	if err != nil {
		return nil, err
	}
	return w.routing.assignRouter(w.slot(), name, spec, counted)
}
