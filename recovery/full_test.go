package recovery_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// used returns the bytes that all files take.
func used(t *testing.T, fsys *crashfs.FS) int64 {
	t.Helper()
	const size = 1 << 40
	fsys.SetCapacity(size)
	free, _, err := fsys.Free("/data")
	if err != nil {
		t.Fatal(err)
	}
	return size - int64(free)
}

// TestFullDisk holds that a disk without a free byte refuses writes with
// nothing appended, and that everything else goes on: reads, deletes, an
// orderly end, and any number of starts, after a kill and a power cut too.
func TestFullDisk(t *testing.T) {
	fsys := crashfs.New()
	boot := 1
	up := func() *recovery.Recovered {
		t.Helper()
		o := options(fsys, boot, func() int64 { return 1_000_000 })
		o.WAL.FileBytes = 128 << 10 // as always, more than the manifest's reserve
		data, err := recovery.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	write := func(data *recovery.Recovered, name string) error {
		w := &topic.Write{Records: []record.Record{{Data: make([]byte, 500)}}, DisableBackpressure: true}
		_, err := data.Registry.Append(context.Background(), name, w)
		return err
	}
	whole := func(data *recovery.Recovered, count int) {
		t.Helper()
		got, lost := readAll(t, data.Registry, "a")
		if len(got) != count || len(lost) > 0 {
			t.Fatalf("%d records, %d lost, want %d", len(got), len(lost), count)
		}
	}

	data := up()
	for _, name := range []string{"b", "c", "d", "e", "f"} {
		if err := write(data, name); err != nil {
			t.Fatal(err)
		}
	}
	fsys.SetCapacity(used(t, fsys) + 50<<10)
	count := 0
	for ; count < 10_000; count++ {
		if err := write(data, "a"); kind(err) == record.KindNoSpace {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "new"} {
		if err := write(data, name); kind(err) != record.KindNoSpace {
			t.Fatal(err)
		}
	}
	whole(data, count)
	drop := func(name string) {
		t.Helper()
		if out, err := data.Registry.Delete(context.Background(), name, false); !out.Deleted || err != nil {
			t.Fatal(out.Deleted, err)
		}
	}
	drop("b")
	if _, err := data.Log.Tick(); err != nil { // what follows must not be the power's to take
		t.Fatal(err)
	}
	full := int64(0)
	for i, name := range []string{"c", "d", "e", "f"} {
		switch i {
		case 0:
			fsys = fsys.Kill()
		case 1:
			fsys, boot = fsys.Crash(rand.New(rand.NewPCG(1, 1))), boot+1
		default:
			if err := data.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			fsys = fsys.Kill()
		}
		if i == 0 {
			full = used(t, fsys)
		}
		fsys.SetCapacity(full) // not a byte was left
		data = up()
		if boot == 1 {
			whole(data, count)
		} else if got, _ := readAll(t, data.Registry, "a"); len(got) != count {
			t.Fatalf("%d records, want %d", len(got), count)
		}
		if err := write(data, "new"); kind(err) != record.KindNoSpace {
			t.Fatal(err)
		}
		drop(name)
	}
	fsys.SetCapacity(0)
	if _, err := data.Log.Tick(); err != nil {
		t.Fatal(err)
	}
	if err := write(data, "a"); err != nil {
		t.Fatal(err)
	}
}

// TestStartOnAFullDisk starts on a disk with any number of free bytes, after a
// kill and after a power cut, several times in a row.
func TestStartOnAFullDisk(t *testing.T) {
	fsys := crashfs.New()
	run := func(fsys *crashfs.FS, boot int) (*recovery.Recovered, error) {
		o := options(fsys, boot, func() int64 { return 1_000_000 })
		o.WAL.FileBytes, o.Storage.ReserveBytes = 128<<10, 0
		return recovery.Run(context.Background(), o)
	}
	data, err := run(fsys, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := fill(data, "a", 500); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := data.Log.Tick(); err != nil {
		t.Fatal(err)
	}
	size := used(t, fsys)
	for free := int64(0); free < 4<<20; free += 1 + free/8 {
		fsys := fsys.Clone()
		for boot := range 4 {
			fsys = fsys.Kill()
			fsys.SetCapacity(size + free)
			data, err := run(fsys, 1+boot/2)
			if err != nil {
				t.Fatalf("%d bytes free, start %d: %v", free, boot, err)
			}
			if got, _ := readAll(t, data.Registry, "a"); len(got) != 100 {
				t.Fatalf("%d bytes free, start %d: %d records", free, boot, len(got))
			}
		}
	}
}

// When everything is deleted a checkpoint can free a disk without a free byte,
// although the reserve for its state was spent before.
func TestCheckpointWithoutItsReserve(t *testing.T) {
	ctx := context.Background()
	fsys := crashfs.New()
	o := options(fsys, 1, func() int64 { return 1_000_000 })
	o.WAL.FileBytes, o.Storage.ReserveBytes = 128<<10, 0
	data, err := recovery.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if err := fill(data, "a", 900); err != nil {
			t.Fatal(err)
		}
	}
	all := uint64(501)
	if _, err := data.Registry.DeleteRecords(ctx, "a", &topics.Deletion{Before: &all}); err != nil {
		t.Fatal(err)
	}
	if err := fsys.Remove("/data/RESERVE.state"); err != nil {
		t.Fatal(err)
	}
	fsys.SetCapacity(used(t, fsys))
	for range 2 {
		if _, err := data.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if data.Log.Stats().Freed == 0 {
		t.Error("no log file was given back")
	}
}

// fill writes one record that does not compress.
func fill(data *recovery.Recovered, name string, size int) error {
	b := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(data.Log.Tail()), byte(data.Log.Tail() >> 8), byte(data.Log.Tail() >> 16)})
	_, _ = rng.Read(b)
	w := &topic.Write{Records: []record.Record{{Data: b}}, DisableBackpressure: true}
	_, err := data.Registry.Append(context.Background(), name, w)
	return err
}

// TestDeletesFreeAFullDisk fills a disk with what does not compress, deletes a
// part of it in every way, and goes on writing: what the background does
// brings the space back, each time, and nothing else goes.
func TestDeletesFreeAFullDisk(t *testing.T) {
	ctx := context.Background()
	for _, records := range []int{200, 4000} { // of a topic: less than a log file, and many
		fsys := crashfs.New()
		fsys.SetCapacity(8 << 20)
		start := func() *recovery.Recovered {
			o := options(fsys, 1, func() int64 { return 1_000_000 })
			o.WAL.FileBytes, o.WAL.QueueBytes = 256<<10, 256<<10
			o.Storage = store.Settings{Segment: segment.Limits{Bytes: 256 << 10}, CacheBytes: 32 << 10}
			data, err := recovery.Run(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		data := start()
		background := func() { // as often as it comes round in a few seconds
			for range 3 {
				if _, err := data.Checkpoint(ctx); err != nil {
					t.Fatal("checkpoint: ", err)
				}
				if err := data.Compact(ctx); err != nil {
					t.Fatal("compaction: ", err)
				}
				if _, err := data.Log.Tick(); err != nil {
					t.Fatal(err)
				}
			}
		}
		kept := map[string]int{}
		next := 0
		write := func() (total int) {
			for ; ; next++ {
				name := fmt.Sprintf("t%04d", next/records)
				for {
					err := fill(data, name, 900)
					if err == nil {
						break
					}
					if kind(err) != record.KindNoSpace {
						t.Fatal(err)
					}
					before := data.Log.Stats().Freed
					if background(); data.Log.Stats().Freed == before {
						return total
					}
				}
				kept[name]++
				total++
			}
		}
		first := write()
		for round := range 8 {
			names := slices.Sorted(maps.Keys(kept))
			for i, name := range names {
				switch before := uint64(kept[name]/2 + 1); {
				case i%2 == 0 && len(names) > 2:
					if out, err := data.Registry.Delete(ctx, name, false); err != nil || !out.Deleted {
						t.Fatal(err)
					}
					delete(kept, name)
					if name == fmt.Sprintf("t%04d", next/records) {
						next += records
					}
				case len(names) <= 2:
					state, err := data.Registry.State(name, false)
					if err != nil {
						t.Fatal(err)
					}
					before = state.Earliest + uint64(state.Count/2)
					out, err := data.Registry.DeleteRecords(ctx, name, &topics.Deletion{Before: &before})
					if err != nil {
						t.Fatal(err)
					}
					kept[name] -= int(out.Deleted)
				}
			}
			if round%3 == 2 {
				fsys = fsys.Kill()
				data = start()
			}
			background()
			if again := write(); again < first/4 {
				t.Fatalf("topics of %d records, round %d: %d records fit, %d at first", records, round, again, first)
			}
			for name, count := range kept {
				if got, lost := readAll(t, data.Registry, name); len(got) != count || len(lost) > 0 {
					t.Fatalf("topic %s: %d records, %d lost, want %d", name, len(got), len(lost), count)
				}
			}
		}
	}
}
