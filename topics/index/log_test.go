package index

import (
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
	"pgregory.net/rapid"
)

// modelFrame is one frame as a list of frames would hold it.
type modelFrame struct {
	Frame
	sizes []uint32
	live  int // of its records, the last ones
}

// indexMachine runs an index beside a list of frames.
type indexMachine struct {
	index  Log
	frames []modelFrame
	lsn    wal.LSN
	next   uint64
	ts     int64
	view   Log // as it was then
	viewed []modelRecord
}

type modelRecord struct {
	seq  uint64
	size uint32
	ts   int64
	body int // bytes of its frame's
}

// records are the live ones.
func (m *indexMachine) records() (out []modelRecord) {
	for _, f := range m.frames {
		for i := f.Count - f.live; i < f.Count; i++ {
			out = append(out, modelRecord{f.First + uint64(i), f.sizes[i], f.TS, len(f.Body)})
		}
	}
	return out
}

func recordsOf(x *Log) (out []modelRecord) {
	x.Each(func(f *Frame, ordinal int, seq uint64, size uint32) bool {
		if f.First+uint64(ordinal) != seq {
			return false
		}
		out = append(out, modelRecord{seq, size, f.TS, len(f.Body)})
		return true
	})
	return out
}

// near draws a seq, often one at the end of a frame.
func (m *indexMachine) near(t *rapid.T) uint64 {
	if n := len(m.frames); n > 0 && rapid.Bool().Draw(t, "near") {
		f := m.frames[rapid.IntRange(0, n-1).Draw(t, "frame")]
		return f.First + uint64(f.Count) - 1 + rapid.Uint64Range(0, 1).Draw(t, "more")
	}
	return rapid.Uint64Range(0, m.next+2).Draw(t, "anywhere")
}

// Cut forgets what a checkpoint has moved.
func (m *indexMachine) Cut(t *rapid.T) {
	through, want := m.near(t), 0
	for len(m.frames) > 0 && m.frames[0].First <= through {
		f := &m.frames[0]
		if left := int(max(f.First+uint64(f.Count), through+1) - through - 1); left > 0 {
			f.live = min(f.live, left)
			break
		}
		want += len(f.Body)
		m.frames = m.frames[1:]
	}
	if got := m.index.Truncate(through); got != want {
		t.Fatalf("cut through %d: %d bytes are free, want %d", through, got, want)
	}
}

// View keeps the index as it is.
func (m *indexMachine) View(*rapid.T) { m.view, m.viewed = m.index.View(), m.records() }

// Sums holds that those of any set are right.
func (m *indexMachine) Sums(t *rapid.T) {
	set, want := &SeqSet{}, record.Size{}
	for _, r := range m.records() {
		if rapid.IntRange(0, 3).Draw(t, "in it") == 0 {
			set.Add(r.seq)
			want.Add(record.Size{Records: 1, Bytes: int64(r.size)})
		}
	}
	set.Add(m.next + 5)
	if got := m.index.Sum(set); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
}

// jump draws a distance, often small and sometimes beyond 32 bits.
func jump(t *rapid.T, name string) uint64 {
	return rapid.OneOf(
		rapid.Just(uint64(0)), rapid.Uint64Range(0, 100),
		rapid.Uint64Range(math.MaxUint32-2, math.MaxUint32+2), rapid.Uint64Range(0, 1<<40),
	).Draw(t, name)
}

func (m *indexMachine) Add(t *rapid.T) {
	for range rapid.SampledFrom([]int{1, 1, 3, blockEntries}).Draw(t, "frames") {
		f := modelFrame{Frame: Frame{LSN: m.lsn, First: m.next, TS: m.ts}}
		f.sizes = rapid.SliceOfN(rapid.Uint32(), 1, 4).Draw(t, "sizes")
		f.Count, f.live = len(f.sizes), len(f.sizes)
		if rapid.Bool().Draw(t, "ephemeral") {
			f.LSN, f.Body = 0, make([]byte, rapid.IntRange(1, 9).Draw(t, "body"))
		}
		m.index.Add(f.LSN, f.First, f.TS, f.sizes, f.Body)
		m.frames = append(m.frames, f)
		m.lsn += wal.LSN(8 * (1 + jump(t, "lsn")))
		m.next += uint64(f.Count)
		m.ts += int64(jump(t, "ms"))
	}
}

// Gap leaves seqs out.
func (m *indexMachine) Gap(t *rapid.T) { m.next += jump(t, "seqs") }

func (m *indexMachine) Pop(t *rapid.T) {
	for range rapid.SampledFrom([]int{1, 2, 7, 700}).Draw(t, "n") {
		if len(m.frames) == 0 {
			return
		}
		f := &m.frames[0]
		wantBytes, wantFreed := int64(f.sizes[f.Count-f.live]), 0
		if f.live--; f.live == 0 {
			wantFreed = len(f.Body)
			m.frames = m.frames[1:]
		}
		if bytes, freed := m.index.Pop(); bytes != wantBytes || freed != wantFreed {
			t.Fatalf("pop: %d bytes, %d freed, want %d, %d", bytes, freed, wantBytes, wantFreed)
		}
	}
}

func (m *indexMachine) From(t *rapid.T) {
	seq := rapid.Uint64Range(0, m.next+2).Draw(t, "anywhere")
	below := rapid.Uint64Range(seq, m.next+2).Draw(t, "below")
	if n := len(m.frames); n > 0 && rapid.Bool().Draw(t, "near") {
		f := m.frames[rapid.IntRange(0, n-1).Draw(t, "frame")]
		seq = f.First + rapid.Uint64Range(0, uint64(f.Count)).Draw(t, "in it")
		below = max(seq, m.frames[rapid.IntRange(0, n-1).Draw(t, "last")].First+rapid.Uint64Range(0, 2).Draw(t, "more"))
	}
	limit := rapid.IntRange(1, 9).Draw(t, "records")
	got, all := m.index.From(seq, below, limit)
	var want []Frame
	left, cut := limit, false
	for _, f := range m.frames {
		if f.First+uint64(f.Count) <= seq || f.First >= below {
			continue
		}
		if left <= 0 {
			cut = true
			break
		}
		want = append(want, f.Frame)
		left -= f.Count - int(max(seq, f.First)-f.First)
	}
	if all == cut || len(got) != len(want) {
		t.Fatalf("from %d below %d, %d records: all %v, %d frames, want %v, %d", seq, below, limit, all, len(got), !cut, len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.LSN != w.LSN || g.First != w.First || g.Count != w.Count || g.TS != w.TS || len(g.Body) != len(w.Body) {
			t.Fatalf("from %d: frame %+v, want %+v", seq, g, w)
		}
	}
}

func (m *indexMachine) Drop(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "rarely") > 0 {
		return
	}
	var want int64
	for _, f := range m.frames {
		want += int64(len(f.Body))
	}
	if got := m.index.Clear(); got != want {
		t.Fatalf("freed %d, want %d", got, want)
	}
	m.frames = nil
}

// Check holds what stands at the front, and what is listed.
func (m *indexMachine) Check(t *rapid.T) {
	if got, want := recordsOf(&m.index), m.records(); !slices.Equal(got, want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	if got := recordsOf(&m.view); !slices.Equal(got, m.viewed) {
		t.Fatalf("a view changed from %d records to %d", len(m.viewed), len(got))
	}
	ephemeral, durable := 0, uint64(0)
	for _, f := range m.frames {
		if f.Body != nil {
			ephemeral++
		} else {
			durable = f.First + uint64(f.Count) - 1
		}
	}
	if m.index.ephemeral != ephemeral || m.index.Durable() != durable {
		t.Fatalf("%d ephemeral frames, durable through %d, want %d, %d", m.index.ephemeral, m.index.Durable(), ephemeral, durable)
	}
	seq, ts, ok := m.index.Front()
	if ok != (len(m.frames) > 0) {
		t.Fatalf("front is there: %v, and there are %d frames", ok, len(m.frames))
	}
	if !ok {
		return
	}
	f := m.frames[0]
	if want := f.First + uint64(f.Count-f.live); seq != want || ts != f.TS {
		t.Fatalf("front is %d at %d, want %d at %d", seq, ts, want, f.TS)
	}
}

func TestIndexAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &indexMachine{next: 1 + jump(t, "first"), ts: int64(jump(t, "time"))}
		t.Repeat(map[string]func(*rapid.T){
			"": m.Check, "add": m.Add, "gap": m.Gap, "pop": m.Pop, "from": m.From, "drop": m.Drop,
			"cut": m.Cut, "view": m.View, "sums": m.Sums,
		})
	})
}

// TestIndexMemory holds that a lone record of 200 bytes takes at most 20 bytes
// of index: an entry, the varint of its size, and its share of the block.
func TestIndexMemory(t *testing.T) {
	var x Log
	const n = 100 * blockEntries
	for i := range uint64(n) {
		x.Add(wal.LSN(240*i), i+1, int64(i), []uint32{200}, nil)
	}
	bytes := uintptr(cap(x.blocks)) * unsafe.Sizeof(x.blocks[0])
	for _, b := range x.blocks {
		bytes += unsafe.Sizeof(*b) + uintptr(cap(b.entries))*unsafe.Sizeof(indexEntry{}) + uintptr(cap(b.sizes))
	}
	each := float64(bytes) / n
	t.Logf("%.1f bytes for a lone record", each)
	if each > 20 || unsafe.Sizeof(indexEntry{}) != 12 {
		t.Fatalf("%.1f bytes for a lone record, entries of %d", each, unsafe.Sizeof(indexEntry{}))
	}
	// What is dropped gives its memory back, block by block.
	for range n - 1 {
		x.Pop()
	}
	if len(x.blocks) != 1 {
		t.Fatalf("%d blocks for one record", len(x.blocks))
	}
}
