package recovery_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// used is what all files take.
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
		w := &topics.Write{Records: []topics.Record{{Data: make([]byte, 500)}}, DisableBackpressure: true}
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
		if err := write(data, "a"); kind(err) == topics.KindNoSpace {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "new"} {
		if err := write(data, name); kind(err) != topics.KindNoSpace {
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
		if err := write(data, "new"); kind(err) != topics.KindNoSpace {
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
