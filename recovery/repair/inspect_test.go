package repair_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// TestVerifyFaults fails each operation of a verification: it is an error, and
// never a fault of the directory, nor taken for a sound one.
func TestVerifyFaults(t *testing.T) {
	w := build(t)
	for n := 1; ; n++ {
		inj := &errfs.Injector{Nth: n}
		r, err := inspect.Verify(context.Background(), dataDir(errfs.New(w.fs, inj)))
		if !inj.Fired() {
			if err != nil || !r.Sound() {
				t.Fatalf("%+v, %v", r, err)
			}
			t.Logf("%d operations", n)
			return
		}
		// A start, which a verification ends with, counts without an index page
		// that it cannot read.
		spared := strings.HasSuffix(inj.Failed().Name, ".idx") && r != nil && r.Frames > 0
		if !errors.Is(err, errfs.ErrInjected) && !(spared && err == nil && r.Sound()) {
			t.Fatalf("operation %d, %v: %+v, %v", n, inj.Failed(), r, err)
		}
	}
}

// TestVerifyOwner: a cold directory that a server would refuse is reported, and is no
// damage that a repair could fix.
func TestVerifyOwner(t *testing.T) {
	w := build(t)
	if r := verify(t, w.fs); r.NotOwner != "" || !r.Sound() {
		t.Fatalf("its own: %+v", r)
	}
	owner, err := manifest.ReadOwner(w.fs, "/cold")
	if err != nil || owner.Generation == 0 {
		t.Fatalf("%+v, %v", owner, err)
	}
	for text, want := range map[string]string{
		fmt.Sprintf("%016x\n%016x\n", owner.Instance, owner.Generation+1): "another copy of this data directory has gone on",
		fmt.Sprintf("%016x\n%016x\n", owner.Instance+1, owner.Generation): "belongs to another data directory",
		"nonsense\n": "is damaged",
	} {
		fsys := w.fs.Clone()
		if err := vfs.WriteFileAtomic(fsys, "/cold", manifest.OwnerName, "tmp", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, fsys); !strings.HasPrefix(r.NotOwner, "/cold/OWNER ") || !strings.Contains(r.NotOwner, want) || !r.Sound() {
			t.Errorf("%q: %+v", text, r)
		}
		if _, err := recovery.Run(context.Background(), options(fsys)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: a start: %v", text, err)
		}
	}
}

// TestReadOnly holds that looking changes nothing.
func TestReadOnly(t *testing.T) {
	w := build(t)
	wreck(t, w)
	inj := &errfs.Injector{Ops: errfs.Mutating, Nth: 1, Sticky: true}
	fsys := errfs.New(w.fs, inj)
	if r, err := inspect.Verify(context.Background(), dataDir(fsys)); err != nil || r.Sound() {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := inspect.Dump(context.Background(), dataDir(fsys), inspect.What{State: true, Segments: true, Frames: true}, new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	if inj.Fired() {
		t.Fatalf("it did %v", inj.Failed())
	}
}

// TestDump holds that a dump of a damaged directory shows everything that is
// whole, and where something is not.
func TestDump(t *testing.T) {
	w := build(t)
	wreck(t, w)
	var out bytes.Buffer
	all := inspect.What{State: true, Segments: true, Frames: true}
	if err := inspect.Dump(context.Background(), dataDir(w.fs), all, &out); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	seqs := map[string][]uint64{}
	for l := range strings.Lines(out.String()) {
		var v struct {
			Kind, Topic, File, Cause string
			Seq                      uint64
			Data                     json.RawMessage
		}
		if err := json.Unmarshal([]byte(l), &v); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		kinds[v.Kind]++
		if v.Kind == "record" {
			seqs[v.Topic] = append(seqs[v.Topic], v.Seq)
		}
		if v.Kind == "damage" && v.Cause == "" {
			t.Errorf("no cause: %s", l)
		}
	}
	if kinds["topic"] != 4 || kinds["damage"] < 3 || kinds["frame"] == 0 || len(seqs) != 4 {
		t.Fatalf("%v", kinds)
	}
	mustRepair(t, w.fs)
	for name, c := range read(t, run(t, w.fs).Registry) {
		for seq := range c.records {
			if !slices.Contains(seqs[name], seq) {
				t.Errorf("topic %s: seq %d is readable and was not dumped", name, seq)
			}
		}
	}
	out.Reset()
	all.Topic = "tagged"
	if err := inspect.Dump(context.Background(), dataDir(w.fs), all, &out); err != nil || strings.Contains(out.String(), `"topic":"kept"`) {
		t.Errorf("%v: %s", err, out.String())
	}
}

// A repair does not set back the number of starts.
func TestStartsOutliveARepair(t *testing.T) {
	w := build(t)
	before, err := manifest.Read(w.fs, "/data")
	if err != nil {
		t.Fatal(err)
	}
	w.harm(t, "/data/checkpoints/"+manifest.SnapshotName(before.Checkpoint.Number), "flip")
	if report := mustRepair(t, w.fs); !report.Changed {
		t.Fatalf("%+v", report)
	}
	after, err := manifest.Read(w.fs, "/data")
	if err != nil || before.Starts == 0 || after.Starts != before.Starts {
		t.Errorf("%d starts, %d before, %v", after.Starts, before.Starts, err)
	}
}

// The end of a log that is being written is no kill's, also if the server's
// process has the number of the one that verifies: each of two containers has a
// process 1.
func TestVerifyBesideAServer(t *testing.T) {
	w := build(t)
	names := files(t, w.fs, "/data/wal")
	var last string
	for _, name := range names {
		if w.used[name] > 64 {
			last = name
		}
	}
	f, err := w.fs.Open(last)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(bytes.Repeat([]byte{1}, 100), w.used[last]+1024)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, w.fs); r.Sound() {
		t.Fatal("no server has it, and a kill leaves no such end")
	}
	lock, err := recovery.Lock(w.fs, "/data")
	if err != nil {
		t.Fatal(err)
	}
	if r := verify(t, w.fs); r.InUse == "" || !r.Sound() {
		t.Errorf("a server has it: %+v", r)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}
