package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// copies is a game of data directories that are copies of each other, with one
// cold directory for all of them.
type copies struct {
	t       *testing.T
	rng     *rand.Rand
	machine *crashfs.FS
	boot    int
	dirs    []*dataCopy

	// owners are those that the cold directory may belong to: one, or more
	// while a start that was cut off may or may not have claimed it.
	owners   map[*dataCopy]bool
	claims   int // starts that were accepted
	accepted int
	refused  int
	inUse    int
	moves    int // relocations and merges
}

// dataCopy is one data directory and what it acknowledged.
type dataCopy struct {
	name    string
	made    bool
	claims  int               // copies.claims when it was made or accepted last
	moves   int               // likewise
	records map[uint64]string // of topic "a", by seq
	doubt   map[uint64]bool   // seqs that were being deleted when it was killed
	data    *recovery.Recovered
	p       *process
}

func newCopies(t *testing.T, seed uint64) *copies {
	w := &copies{t: t, rng: rand.New(rand.NewPCG(seed, 11)), machine: crashfs.New(), owners: map[*dataCopy]bool{}}
	for _, name := range []string{"/o", "/c"} {
		w.dirs = append(w.dirs, &dataCopy{name: name, records: map[uint64]string{}, doubt: map[uint64]bool{}})
	}
	w.dirs[0].made = true
	w.owners[w.dirs[0]] = true
	return w
}

func (w *copies) run(steps int) {
	for w.accepted == 0 {
		w.start(w.dirs[0])
	}
	for range steps {
		d := w.dirs[w.rng.IntN(len(w.dirs))]
		switch n := w.rng.IntN(100); {
		case d.data == nil && n < 45:
			w.start(d)
		case d.data == nil && n < 70:
			w.copyTo(d)
		case d.data == nil:
		case n < 45:
			w.write(d)
		case n < 60:
			w.do(d, func() error { _, err := d.data.Checkpoint(context.Background()); return err })
		case n < 72:
			w.move(d, d.data.Offload)
		case n < 84:
			w.move(d, d.data.Compact)
		case n < 90:
			w.delete(d)
		case n < 93:
			w.kill(d)
		case n < 96:
			d.p.left = w.rng.IntN(40) // it is killed in the middle of something
		case n < 98:
			w.stop(d)
		default:
			w.powerCut()
		}
		w.check()
	}
}

func (w *copies) kill(d *dataCopy) {
	d.p.kill()
	d.data, d.p = nil, nil
}

func (w *copies) powerCut() {
	for _, d := range w.dirs {
		if d.data != nil {
			w.kill(d)
		}
	}
	w.machine = w.machine.Crash(w.rng)
	w.boot++
}

func (w *copies) stop(d *dataCopy) {
	if w.do(d, func() error { return d.data.Close(context.Background()) }); d.data != nil {
		w.kill(d)
	}
}

// do runs a part of a server's work, and buries the server if it was killed.
func (w *copies) do(d *dataCopy, work func() error) {
	w.t.Helper()
	err := work()
	if d.p.dead {
		w.kill(d)
	} else if err != nil {
		w.t.Fatalf("%s: %v", d.name, err)
	}
}

// move runs what may change the cold directory.
func (w *copies) move(d *dataCopy, work func(context.Context) error) {
	before := d.data.StorageStats()
	data := d.data
	w.do(d, func() error { return work(context.Background()) })
	after := data.StorageStats()
	if d.data != nil && before.Relocations != after.Relocations {
		if after.CheckpointFailures != before.CheckpointFailures {
			w.t.Fatalf("%s: %s", d.name, after.LastError)
		}
		w.moves++
		d.moves = w.moves
	}
}

// start starts a server in the directory, which may be killed on the way.
func (w *copies) start(d *dataCopy) {
	if !d.made {
		return
	}
	before, err := w.machine.List("/cold")
	if err != nil && w.claims > 0 {
		w.t.Fatal(err)
	}
	p := newProcess(w.machine)
	if w.rng.IntN(4) == 0 {
		p.left = w.rng.IntN(120)
	}
	o := options(p, w.boot, func() int64 { return 1_000_000 })
	o.Dir, o.Storage.HotSegments, o.Storage.ArchiveDir = d.name, 1, ""
	data, err := recovery.Run(context.Background(), o)
	switch {
	case p.dead:
		p.kill()
		if err == nil || errors.Is(err, crashfs.ErrCrashed) {
			w.owners[d] = w.owners[d] || !w.mustRefuse(d)
			return
		}
		p.dead = false // it was refused before
		fallthrough
	case err != nil:
		p.kill()
		w.refusal(d, err, before)
		return
	}
	if w.mustRefuse(d) {
		w.t.Fatalf("%s was accepted: claims %d of %d, moves %d of %d", d.name, d.claims, w.claims, d.moves, w.moves)
	}
	p.left = -1
	d.data, d.p = data, p
	w.claims++
	w.accepted++
	d.claims, d.moves = w.claims, w.moves
	w.owners = map[*dataCopy]bool{d: true}
	w.readAll(d)
}

// mustRefuse reports whether another copy is known to have gone on without d.
func (w *copies) mustRefuse(d *dataCopy) bool {
	if w.owners[d] && len(w.owners) == 1 {
		return false
	}
	return d.claims < w.claims || d.moves < w.moves
}

// refusal checks that a start was right to refuse, and says so, and did nothing.
func (w *copies) refusal(d *dataCopy, err error, before []string) {
	running := slices.ContainsFunc(w.dirs, func(o *dataCopy) bool { return o.data != nil })
	switch text := err.Error(); {
	case running && strings.Contains(text, "in use"):
		w.inUse++
	case strings.Contains(text, "another copy of this data directory has gone on") && strings.Contains(text, manifest.OwnerName):
		w.refused++
		if w.owners[d] && len(w.owners) == 1 {
			w.t.Fatalf("the rightful %s was refused: %v", d.name, err)
		}
		delete(w.owners, d)
	default:
		w.t.Fatalf("%s: %v", d.name, err)
	}
	if after, err := w.machine.List("/cold"); err != nil || !slices.Equal(after, before) {
		w.t.Fatalf("a refused start changed the cold directory from %v to %v, %v", before, after, err)
	}
}

// copyTo makes d a copy of the other directory, as it is now.
func (w *copies) copyTo(d *dataCopy) {
	from := w.dirs[0]
	if from == d {
		from = w.dirs[1]
	}
	if !from.made || w.owners[d] { // perhaps there would be no rightful one left
		return
	}
	for _, sub := range []string{"", "/wal", "/segments", "/checkpoints"} {
		w.copyDir(from.name+sub, d.name+sub)
	}
	d.made, d.claims, d.moves = true, from.claims, from.moves
	d.records, d.doubt = maps.Clone(from.records), maps.Clone(from.doubt)
}

func (w *copies) copyDir(from, to string) {
	m := w.machine
	must := func(err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	must(m.MkdirAll(to))
	old, err := m.List(to)
	must(err)
	for _, name := range old {
		if strings.Contains(name, ".") || strings.ToUpper(name) == name {
			must(m.Remove(to + "/" + name))
		}
	}
	names, err := m.List(from)
	must(err)
	for _, name := range names {
		b, err := vfs.ReadFile(m, from+"/"+name)
		if err != nil { // a directory
			continue
		}
		f, err := m.Create(to + "/" + name)
		must(err)
		_, err = f.WriteAt(b, 0)
		must(err)
		must(f.Sync())
		must(f.Close())
	}
	must(m.SyncDir(to))
}

func (w *copies) write(d *dataCopy) {
	fsync := "fsync"
	for range 1 + w.rng.IntN(12) {
		text := fmt.Sprintf(`"%s %d %0200d"`, d.name, w.rng.Uint32(), 0)
		write := topic.Write{Records: []record.Record{{Data: []byte(text)}}, Config: &record.ConfigPatch{Durability: &fsync}}
		w.do(d, func() error {
			out, err := d.data.Registry.Append(context.Background(), "a", &write)
			if err == nil {
				d.records[out.First] = text
			}
			return err
		})
		if d.data == nil {
			return
		}
	}
}

// delete deletes the oldest records.
func (w *copies) delete(d *dataCopy) {
	if len(d.records) == 0 {
		return
	}
	seqs := slices.Sorted(maps.Keys(d.records))
	before := seqs[w.rng.IntN(len(seqs))]
	for _, seq := range seqs {
		if seq < before {
			d.doubt[seq] = true
		}
	}
	w.do(d, func() error {
		_, err := d.data.Registry.DeleteRecords(context.Background(), "a", &topics.Deletion{Before: &before})
		if err == nil {
			maps.DeleteFunc(d.records, func(seq uint64, _ string) bool { return seq < before })
		}
		return err
	})
}

// readAll checks that everything that d acknowledged is there.
func (w *copies) readAll(d *dataCopy) {
	w.t.Helper()
	found := map[uint64]string{}
	q := topic.Query{Limit: 1000, MaxBytes: 1 << 20}
	for len(d.records) > 0 {
		b, err := d.data.Registry.Read(context.Background(), "a", &q)
		if err != nil {
			w.t.Fatalf("%s: reading from %d: %v", d.name, q.From, err)
		}
		for _, r := range b.Records {
			found[r.Seq] = string(r.Data)
		}
		if b.NextFrom == q.From {
			break
		}
		q.From = b.NextFrom
	}
	for seq, text := range d.records {
		if got, ok := found[seq]; got != text && (ok || !d.doubt[seq]) {
			w.t.Fatalf("%s: record %d is %.30q, want %.30q", d.name, seq, got, text)
		}
	}
}

// check checks that every cold segment that the manifest of the rightful owner
// names is there.
func (w *copies) check() {
	w.t.Helper()
	if len(w.owners) != 1 {
		return
	}
	for d := range w.owners {
		m, err := manifest.Read(w.machine, d.name)
		if err != nil {
			w.t.Fatal(err)
		}
		if m == nil || m.Checkpoint == nil {
			continue
		}
		names, err := w.machine.List("/cold")
		if err != nil {
			w.t.Fatal(err)
		}
		for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
			if c == nil {
				continue
			}
			for _, ref := range c.Segments {
				if ref.Cold && !slices.Contains(names, segment.DataName(ref.ID)) {
					w.t.Fatalf("%s names cold segment %d, and there are only %v", d.name, ref.ID, names)
				}
			}
		}
	}
}

// TestCopiesShareAColdDirectory plays with two copies of one data directory
// that have the same cold directory: started, stopped, killed alone or with the
// power, copied again at any moment. At most one is served at a time; one that
// the other has gone on without is refused in words and changes nothing; and
// the one that is accepted has everything that it acknowledged.
func TestCopiesShareAColdDirectory(t *testing.T) {
	first, n := uint64(1), *seeds
	if *oneSeed > 0 {
		first, n = *oneSeed, 1
	}
	var accepted, refused, inUse, moves int
	for seed := first; seed < first+uint64(n); seed++ {
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			w := newCopies(t, seed)
			w.run(150)
			accepted, refused, inUse, moves = accepted+w.accepted, refused+w.refused, inUse+w.inUse, moves+w.moves
		})
		if !ok {
			t.Fatalf("replay with: go test ./recovery -run TestCopiesShareAColdDirectory -seed %d", seed)
		}
	}
	t.Logf("accepted %d, refused %d, in use %d, moves %d", accepted, refused, inUse, moves)
	if n > 50 && (min(accepted, refused, inUse, moves) < int(n)) {
		t.Error("the game is too tame")
	}
}

// A start that is killed at any operation, and then one that is cut off with the
// power at any operation, leave a cold directory that still is its owner's.
func TestClaimThroughCrashes(t *testing.T) {
	ctx := context.Background()
	begin := func(p *process, boot int) (*recovery.Recovered, error) {
		o := options(p, boot, func() int64 { return 1_000_000 })
		o.Storage.HotSegments = 0
		return recovery.Run(ctx, o)
	}
	base := crashfs.New()
	data, err := begin(newProcess(base), 0)
	if err != nil {
		t.Fatal(err)
	}
	load(t, data, 5)
	take(t, data)
	if err := data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	base = base.Kill()
	count := base.Clone()
	before := count.Ops()
	if _, err := begin(newProcess(count), 0); err != nil {
		t.Fatal(err)
	}
	ops := count.Ops() - before
	for k := range ops + 1 {
		killed := base.Clone()
		p := newProcess(killed)
		p.left = k
		_, err := begin(p, 0)
		p.kill()
		if err != nil && !errors.Is(err, crashfs.ErrCrashed) {
			t.Fatalf("killed at %d: %v", k, err)
		}
		for j := max(0, k-20); j <= ops; j++ {
			cut := killed.Clone()
			cut.CrashAfter(j)
			if _, err := begin(newProcess(cut), 0); err != nil && !errors.Is(err, crashfs.ErrCrashed) {
				t.Fatalf("killed at %d, cut at %d: %v", k, j, err)
			}
			after := cut.Crash(rand.New(rand.NewPCG(uint64(k), uint64(j))))
			if _, err := begin(newProcess(after), 1); err != nil {
				t.Fatalf("killed at %d, cut at %d: %v", k, j, err)
			}
		}
	}
}
