package repair_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/repair"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

var (
	damageSeeds = flag.Int("damages", 300, "how many random damages TestAnyDamage tries")
	damageSeed  = flag.Uint64("damage", 0, "try this random damage only")
)

// TestAnyDamage damages directories at random and compares start, verify and
// repair. Where a start refuses, verify must find faults and repair must change
// the directory so that it starts. What verify finds sound must start and have
// everything. Whatever starts has each acknowledged record or a lost range for
// it, and gives no seq out twice.
func TestAnyDamage(t *testing.T) {
	first, n := uint64(1), *damageSeeds
	if testing.Short() {
		n = min(n, 60)
	}
	if *damageSeed > 0 {
		first, n = *damageSeed, 1
	}
	outcomes := map[string]int{}
	for seed := first; seed < first+uint64(n); seed++ {
		w := &wrecker{t: t, rng: rand.New(rand.NewPCG(seed, 11))}
		ok := t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			w.t = t
			w.world = buildWith(t, w.rng.IntN(4) == 0)
			for range w.rng.IntN(3) {
				w.stop()
			}
			for range 1 + w.rng.IntN(2) {
				w.damage()
			}
			outcomes[w.judge()]++
		})
		if !ok {
			t.Errorf("%v; again with: go test ./recovery/repair -run TestAnyDamage -damage %d", w.did, seed)
		}
	}
	t.Log(outcomes)
}

// judge compares the three, and returns what became of the directory.
func (w *wrecker) judge() string {
	t, ctx := w.t, context.Background()
	started := w.fs.Clone()
	data, refused := recovery.Run(ctx, options(started))
	found, err := inspect.Verify(ctx, dataDir(w.fs))
	if err != nil {
		if refused == nil {
			t.Fatalf("it starts, and verify fails: %v", err)
		}
		return "hopeless"
	}
	if owner := new(manifest.OwnerError); errors.As(refused, &owner) || found.NotOwner != "" {
		if found.NotOwner == "" || refused == nil {
			t.Fatalf("the start says %v, and verify %q", refused, found.NotOwner)
		}
		return "taken for a copy that did not go on" // an early manifest: no repair may decide that
	}
	if refused != nil && found.Sound() {
		t.Fatalf("refused, and verify finds nothing: %v", refused)
	}
	w.judgeAfterPowerCut()
	if refused == nil {
		c := read(t, data.Registry)
		gone := w.check(t, c, !found.Sound())
		if found.Sound() && gone > 0 {
			t.Fatalf("verify finds nothing, and %d records are gone", gone)
		}
		w.goesOn(started, data)
	}
	if found.Sound() {
		return "sound"
	}
	report, err := repair.Run(ctx, dataDir(w.fs), small)
	if err != nil {
		if refused == nil {
			t.Fatalf("it starts, and repair fails: %v", err)
		}
		if !strings.Contains(err.Error(), "the id of the log is unknown") {
			t.Fatal(err)
		}
		return "hopeless"
	}
	if !report.Changed {
		t.Fatalf("repair changed nothing for %v", found.Faults)
	}
	if again := verify(t, w.fs); !again.Sound() {
		t.Fatalf("after the repair: %v", again.Faults)
	}
	fsys := w.fs.Kill()
	data = run(t, fsys)
	if report.Recovered > 0 {
		return "names lost"
	}
	c := read(t, data.Registry)
	if _, there := c["on"]; !there { // only the log knows of it, and may be gone
		delete(w.whole, "on")
	}
	w.check(t, c, true)
	w.goesOn(fsys, data)
	if refused == nil {
		return "mended"
	}
	return "refused and mended"
}

// judgeAfterPowerCut compares start and verify where the end of the log may be
// torn in any way.
func (w *wrecker) judgeAfterPowerCut() {
	o, d := options(w.fs.Clone()), dataDir(w.fs)
	o.BootID, d.BootID = "another boot", "another boot"
	_, refused := recovery.Run(context.Background(), o)
	found, err := inspect.Verify(context.Background(), d)
	if err != nil {
		w.t.Fatal(err)
	}
	if refused != nil && found.Sound() {
		w.t.Fatalf("refused in another boot, and verify finds nothing: %v", refused)
	}
}

// goesOn checks that no seq is given out twice, before and after a kill.
func (w *wrecker) goesOn(fsys *crashfs.FS, data *recovery.Recovered) {
	w.t.Helper()
	heads := map[string]uint64{}
	one := &topic.Write{Records: []record.Record{{Data: []byte(`1`)}}, DisableBackpressure: true}
	for n := range 2 {
		for name, c := range w.whole {
			out, err := data.Registry.Append(context.Background(), name, one)
			if err != nil || out.First <= max(c.head, heads[name]) {
				w.t.Fatalf("topic %s, whose head was %d: %+v, %v", name, max(c.head, heads[name]), out, err)
			}
			heads[name] = out.Last
		}
		if n == 0 {
			fsys = fsys.Kill()
			data = run(w.t, fsys)
		}
	}
	for name, head := range heads {
		if s, err := data.Registry.State(name, false); err != nil || s.Head < head {
			w.t.Fatalf("topic %s: its head went back from %d: %+v, %v", name, head, s, err)
		}
	}
}
