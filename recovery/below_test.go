package recovery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/repair"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// below is a server whose disk loses what it had synced, below what its
// checkpoints know of.
type below struct {
	t     *testing.T
	rng   *rand.Rand
	fs    *crashfs.FS
	data  *recovery.Recovered
	acked map[string]map[uint64]string // by topic and seq
	heads map[string]uint64
	n     int
	// during is set to have the next checkpoint meet writers.
	during *errfs.Injector
}

func (b *below) start() error {
	b.during = whenCaptured(func() { b.write(1 + b.rng.IntN(5)) })
	fsys := errfs.New(b.fs, b.during)
	data, err := recovery.Run(context.Background(), options(fsys, 0, func() int64 { return 1_000_000 }))
	if err == nil {
		b.data = data
	}
	return err
}

// create makes the topics, and two checkpoints that know of them: a topic of
// which only the lost part of the log knew would be gone altogether.
func (b *below) create() {
	b.t.Helper()
	err := b.start()
	fsync := "fsync"
	for i := range 4 {
		if err == nil {
			_, err = b.data.Registry.Put(context.Background(), fmt.Sprint("t", i), &record.ConfigPatch{Durability: &fsync})
		}
	}
	for range 2 {
		if err == nil {
			_, err = b.data.Checkpoint(context.Background())
		}
	}
	if err == nil {
		err = b.data.Close(context.Background())
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.fs = b.fs.Kill()
}

// work writes and takes checkpoints, some of them while writers go on.
func (b *below) work(steps int) {
	b.t.Helper()
	for range steps {
		if b.rng.IntN(8) > 0 {
			b.write(1)
			continue
		}
		b.during.Nth = b.rng.IntN(2)
		if _, err := b.data.Checkpoint(context.Background()); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *below) write(times int) {
	b.t.Helper()
	for range times {
		name := fmt.Sprint("t", b.rng.IntN(4))
		w := topic.Write{DisableBackpressure: true}
		for range 1 + b.rng.IntN(3) {
			b.n++
			w.Records = append(w.Records, record.Record{Data: fmt.Appendf(nil, `"%d %0*d"`, b.n, b.rng.IntN(600), 0)})
		}
		out, err := b.data.Registry.Append(context.Background(), name, &w)
		if err != nil {
			b.t.Fatal(err)
		}
		if out.First <= b.heads[name] {
			b.t.Fatalf("topic %s: seq %d was given out again", name, out.First)
		}
		if b.acked[name] == nil {
			b.acked[name] = map[uint64]string{}
		}
		for i, rec := range w.Records {
			b.acked[name][out.First+uint64(i)] = string(rec.Data)
		}
		b.heads[name] = out.Last
	}
}

// lose takes the log back to a position below what the manifest knows to have
// been durable, in one of two ways. It returns false if there is none in the
// newest file, or only zeros would be lost.
func (b *below) lose() bool {
	files := b.data.Log.Files()
	last := files[len(files)-1]
	b.fs = b.fs.Kill()
	m, err := manifest.Read(b.fs, "/data")
	if err != nil {
		b.t.Fatal(err)
	}
	known := m.Durable()
	if known <= last.First {
		return false
	}
	from := last.First
	if start := wal.LSN(m.Checkpoint.Start); start > from && start < known && b.rng.IntN(2) == 0 {
		from = start // of the checkpoint, which goes on to known
	}
	at := from + wal.LSN(b.rng.Int64N(int64(known-from)))
	if b.rng.IntN(2) == 0 {
		at &^= 7
	}
	content, err := vfs.ReadFile(b.fs, "/data/wal/"+last.Name)
	if err != nil {
		b.t.Fatal(err)
	}
	off := wal.HeaderSize + int64(at-last.First)
	if len(bytes.Trim(content[off:off+int64(known-at)], "\x00")) == 0 {
		return false
	}
	cutLog(b.t, b.fs, last, at)
	return true
}

func (b *below) check() {
	b.t.Helper()
	for name, acked := range b.acked {
		got, lost := readAll(b.t, b.data.Registry, name)
		for seq, want := range acked {
			rec, there := got[seq]
			switch {
			case !there && lost[seq] != topic.ReasonCorrupt:
				b.t.Fatalf("topic %s: seq %d is gone without a word (%q)", name, seq, lost[seq])
			case !there:
				delete(acked, seq)
			case string(rec.Data) != want:
				b.t.Fatalf("topic %s: seq %d is %s, was %s", name, seq, rec.Data, want)
			}
		}
	}
}

// mend checks that a start refuses and that verify finds the damage, and repairs
// it.
func (b *below) mend() {
	b.t.Helper()
	corrupt := new(wal.CorruptionError)
	if err := b.start(); !errors.As(err, &corrupt) {
		b.t.Fatalf("a log that ends below what is known of it: %v", err)
	}
	found, err := inspect.Verify(context.Background(), toolDir(b.fs, "boot-0"))
	if err != nil || found.Sound() {
		b.t.Fatalf("verify finds %+v, %v", found, err)
	}
	report, err := repair.Run(context.Background(), toolDir(b.fs, "boot-0"), repair.Options{Segment: segment.Limits{Bytes: 2 << 10, Records: 60}})
	if err != nil || !report.Changed {
		b.t.Fatalf("%+v, %v", report, err)
	}
}

// TestCrashBelowCheckpoint loses what was synced and is below a checkpoint.
func TestCrashBelowCheckpoint(t *testing.T) {
	first, n := uint64(1), max(1, *seeds/3) // each is three losses
	if *oneSeed > 0 {
		first, n = *oneSeed, 1
	}
	lost := 0
	for seed := first; seed < first+uint64(n); seed++ {
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			b := &below{
				t: t, rng: rand.New(rand.NewPCG(seed, 13)), fs: crashfs.New(),
				acked: map[string]map[uint64]string{}, heads: map[string]uint64{},
			}
			b.create()
			for range 3 {
				if err := b.start(); err != nil {
					t.Fatal(err)
				}
				b.check()
				b.work(10 + b.rng.IntN(40))
				if b.lose() {
					lost++
					b.mend()
				}
			}
			if err := b.start(); err != nil {
				t.Fatal(err)
			}
			b.check()
		})
		if !ok {
			t.Fatalf("replay with: go test ./recovery -run TestCrashBelowCheckpoint -seed %d", seed)
		}
	}
	if *oneSeed == 0 && lost < n {
		t.Errorf("only %d losses in %d runs", lost, n)
	}
}
