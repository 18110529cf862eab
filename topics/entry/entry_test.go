package entry

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
)

// samples are entries of each type.
func samples() []Entry {
	cfg := record.DefaultConfig()
	full := cfg
	priority, dead := int64(-3), "dead"
	full.Priority, full.DeadLetter, full.Durability = &priority, &dead, record.Memory
	recs := record.AppendRecord(nil, &record.Record{Data: []byte("1"), Tag: []byte("t"), Node: []byte{}, Meta: []byte("{}")})
	recs = record.AppendRecord(recs, &record.Record{})
	some := DedupedRuns{{0, 300, 7}, {1, 1, 900}, {0, 2, 3}}
	return []Entry{
		&Append{ID: 3, First: 9, TS: 1 << 40, Count: 2, Key: []byte("k"), Records: recs},
		&Append{ID: 1, First: 1, Count: 2, Creation: Creation{"a", Setting{&full, 1025}}, Records: recs},
		&Create{ID: 1, TS: 5, Creation: Creation{"a", Setting{&cfg, 1024}}},
		&Config{ID: 1, TS: 6, Head: 2, Setting: Setting{Config: &full}},
		&Drop{ID: 1},
		&Reserve{ID: 1, Ceiling: 1 << 50},
		&Lost{ID: 1, From: 3, To: 9, Reason: "crash"},
		&Watermarks{Topics: []Watermark{{1, 2, 3}, {4, 0, 9}}},
		&Watermarks{},
		&Router{
			ID: 2, Replaces: 1, TS: 5, Name: "a>b", Source: 4, Dest: 7, Cursor: 9, Spec: []byte(`{"filter":["Eq","x"]}`),
			Made: [2]Creation{{"a", Setting{&cfg, 1024}}, {"b", Setting{&full, 9}}},
		},
		&Router{ID: 2, Name: "r", Source: 4, Dest: 7, Spec: []byte("{}"), Made: [2]Creation{1: {"b", Setting{Config: &cfg}}}},
		&Unroute{Router: 2},
		&Forward{Router: 2, Cursor: 9, ID: 7, First: 3, TS: 6, Count: 3, Runs: []Run{
			{At: 800, From: 1, Count: 1, Strip: record.HasTag, Path: []byte{4}}, {At: 80, Count: 2, Path: []byte{1, 4}},
		}},
		&Forward{Router: 2, Cursor: 9, ID: 7, First: 3, TS: 6, Count: 2, Records: recs},
		&Forward{Router: 2, Cursor: 9, ID: 7, First: 3, TS: 6, Count: 1 << 40, Trim: true, Path: []byte{1, 4}},
		&Forward{Router: 2, Cursor: 9, TS: 6, CursorOnly: true},
		&Forward{Router: 2, Cursor: 9, TS: 6, Count: 2, CursorOnly: true},
		&Reserve{ID: 1, Ceiling: 1 << 50, Given: 1 << 49},
		&Drop{ID: 1, TS: 1 << 40},
		&Unroute{Router: 2, TS: 1 << 40},
		&Delete{ID: 4, TS: 1 << 41, Last: 300},
		&Delete{ID: 4, TS: 1 << 41, Last: 300, Match: &record.Match{Value: "t"}},
		&Delete{ID: 4, TS: 1 << 41, Last: 300, Match: &record.Match{Value: "t", Prefix: true}},
		&Settle{ID: 4, TS: 1 << 41, Kind: queue.Ack, Seqs: []uint64{1, 7, 300}},
		&Settle{ID: 4, TS: 1 << 41, Kind: queue.Bury, Seqs: []uint64{9}, Parts: []Append{
			{ID: 3, First: 9, TS: 1 << 40, Count: 2, Key: []byte("k"), Records: recs}, {ID: 5, First: 1, TS: 6, Count: 2, Records: recs},
		}},
		&Settle{ID: 4, TS: 6, Seqs: []uint64{9}},
		&Jobs{ID: 4, TS: 1 << 41, At: 7, Change: &queue.Change{
			Kind: queue.Claim, Node: "w", First: queue.LeaseID{Epoch: 1 << 63, N: 5}, LeaseMS: 30_000,
			Jobs: []queue.Changed{{Seq: 9, Deliveries: 1}, {Seq: 3, Deliveries: 1 << 31}},
		}},
		&Jobs{ID: 4, TS: 8, At: 7, Change: &queue.Change{Kind: queue.Nack, Jobs: []queue.Changed{
			{Seq: 1, DelayMS: 86_400_000}, {Seq: 2, Deliveries: 3, Rejected: true, Reason: "no"}, {Seq: 4, Unstarted: true},
		}}},
		&Jobs{ID: 4, TS: 8, At: 8, Change: &queue.Change{Kind: queue.Extend, LeaseMS: 100, Jobs: []queue.Changed{{Seq: 1, Deliveries: 1}}}},
		&Jobs{ID: 4, TS: 8, At: 8, Change: &queue.Change{Kind: queue.Release, Counted: true, Jobs: []queue.Changed{{Seq: 1, Deliveries: 1}}}},
		&Jobs{ID: 4, TS: 8, At: 8, Change: &queue.Change{Kind: queue.Promote, Jobs: []queue.Changed{{Seq: 1}}}},
		&Append{ID: 3, First: 900, TS: 6, Count: 2, Key: []byte("k"), Deduped: some.Pack(), Records: recs},
		&Append{ID: 3, First: 900, TS: 6, Key: []byte("k"), Deduped: some[:1].Pack()},
		&Append{ID: 1, First: 1, Count: 2, Key: []byte{}, Deduped: DedupedRuns{{1, 1, 1}}.Pack(), Creation: Creation{"a", Setting{&full, 1025}}, Records: recs},
		&Settle{ID: 4, TS: 6, Kind: queue.Ack, Seqs: []uint64{9}, Parts: []Append{
			{ID: 5, First: 900, TS: 6, Key: []byte("k"), Deduped: some[:1].Pack()}, {ID: 3, First: 9, TS: 6, Count: 2, Records: recs},
		}},
	}
}

// records returns the encoded records of an entry.
func records(e Entry) []byte {
	switch e := e.(type) {
	case *Append:
		return e.Records
	case *Forward:
		return e.Records
	}
	return nil
}

func encoded(t testing.TB, e Entry) []byte {
	t.Helper()
	p, err := e.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(p, records(e)...)
}

// TestEntries checks that each entry comes back as it was, and that no part of
// a payload passes for the whole.
func TestEntries(t *testing.T) {
	for _, want := range samples() {
		p := encoded(t, want)
		got, err := Decode(byte(want.Type()), p)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		if records(want) != nil { // the payload ends in records, which are checked as such
			continue
		}
		for n := range p {
			if reserve, ok := want.(*Reserve); ok && reserve.Given > 0 && n == len(encoded(t, &Reserve{ID: reserve.ID, Ceiling: reserve.Ceiling})) {
				continue // what was given out may be missing
			}
			if ms, known := want.Time(); known && ms == 1<<40 && n == 1 && (want.Type() == TypeDrop || want.Type() == TypeUnroute) {
				continue // the time may be missing
			}
			if _, err := Decode(byte(want.Type()), p[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for the whole", want.Type(), n, len(p))
			}
		}
		if _, err := Decode(byte(want.Type()), append(p, 0)); err == nil {
			t.Errorf("%s: a byte too many is taken", want.Type())
		}
	}
	for _, typ := range []byte{0, byte(len(table)), 0xff} {
		if _, err := Decode(typ, []byte{1}); err == nil {
			t.Errorf("type %d is decoded", typ)
		}
	}
}

// TestGolden holds every entry against the bytes that earlier versions wrote.
// Data directories have them: they always decode, and to the same. Configs are
// JSON, which may have more fields by now; an entry without one is encoded as it
// was.
func TestGolden(t *testing.T) {
	golden, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(golden)), "\n")
	all := samples()
	if len(lines) != len(all) {
		t.Fatalf("%d lines for %d samples", len(lines), len(all))
	}
	for i, want := range all {
		var typ byte
		var p []byte
		if _, err := fmt.Sscanf(lines[i], "%d %x", &typ, &p); err != nil {
			t.Fatal(err)
		}
		got, err := Decode(typ, p)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("line %d is %+v, %v, want %+v", i+1, got, err, want)
		}
		now := encoded(t, want)
		if !bytes.Contains(p, []byte(`{"type"`)) && !bytes.Equal(now, p) {
			t.Errorf("line %d: %+v is encoded as %x", i+1, want, now)
		}
	}
}

// TestTable checks that each type has a row that makes it, a name of its own,
// and a sample.
func TestTable(t *testing.T) {
	sampled := map[Type]bool{}
	for _, e := range samples() {
		sampled[e.Type()] = true
	}
	names := map[string]bool{}
	for typ := range table {
		typ := Type(typ)
		r := rowOf(typ)
		if r == nil {
			continue
		}
		if got := r.make().Type(); got != typ {
			t.Errorf("the row of type %d makes type %d", typ, got)
		}
		if names[r.name] || r.name != typ.String() {
			t.Errorf("type %d is named %q", typ, r.name)
		}
		names[r.name] = true
		if !sampled[typ] {
			t.Errorf("there is no sample of %s", typ)
		}
	}
	if len(names) != len(table)-1 {
		t.Errorf("%d rows for types up to %d", len(names), len(table)-1)
	}
}

// TestDecoder checks that nothing of an entry stays in the next one of its type,
// and that a Decoder allocates no entry twice.
func TestDecoder(t *testing.T) {
	var d Decoder
	for range 2 {
		for _, want := range samples() {
			got, err := d.Decode(byte(want.Type()), encoded(t, want))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
		}
	}
	plain := samples()[0]
	p := encoded(t, plain)
	got := testing.AllocsPerRun(100, func() {
		if _, err := d.Decode(byte(plain.Type()), p); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeBatch(byte(plain.Type()), p, 0); err != nil {
			t.Fatal(err)
		}
	})
	if got > 0 {
		t.Errorf("%.0f allocations to decode an append", got)
	}
}

// TestDescribe checks what people read of each entry that has more to say than
// its fields.
func TestDescribe(t *testing.T) {
	for _, e := range samples() {
		got, err := Describe(byte(e.Type()), encoded(t, e))
		if err != nil || got.Type != e.Type().String() {
			t.Fatalf("%+v, %v", got, err)
		}
		ms, known := e.Time()
		if got.TS != ms || !known && ms != 0 {
			t.Errorf("%s: at %d, described at %d", e.Type(), ms, got.TS)
		}
		batch := Count(byte(e.Type()), encoded(t, e))
		if records(e) != nil && (len(got.Records) != batch || got.Last != got.First+uint64(batch)-1) {
			t.Errorf("%d records described as %+v", batch, got)
		}
		if a, ok := e.(*Append); ok && a.Deduped != nil && !reflect.DeepEqual(DedupedRuns(got.Deduped), a.Deduped.Runs()) {
			t.Errorf("deduped: %+v, want %+v", got.Deduped, a.Deduped.Runs())
		}
		if d, ok := e.(*Delete); ok && d.Match != nil && d.Match.Prefix && got.Match != "t*" {
			t.Errorf("%+v", got)
		}
	}
	short := encoded(t, &Append{ID: 1, First: 1, Count: 2, Records: record.AppendRecord(nil, &record.Record{Data: []byte("12")})})
	if got, err := Describe(byte(TypeAppend), short); err == nil {
		t.Errorf("an entry with too few records is described as %+v", got)
	}
}

// FuzzEntry holds that no bytes make the decoder panic, and that what it takes
// is what encoding that again gives back.
func FuzzEntry(f *testing.F) {
	for _, e := range samples() {
		f.Add(byte(e.Type()), encoded(f, e))
	}
	f.Add(byte(TypeAppend), []byte{0, 1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0})
	var used Decoder
	f.Fuzz(func(t *testing.T, typ byte, p []byte) {
		reused, rerr := used.Decode(typ, p)
		e, err := Decode(typ, p)
		if (err == nil) != (rerr == nil) || err == nil && !reflect.DeepEqual(reused, e) {
			t.Fatalf("%+v, %v, and decoded with a used decoder %+v, %v", e, err, reused, rerr)
		}
		if err != nil {
			return
		}
		again, err := Decode(typ, encoded(t, e))
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%+v, %v, want %+v", again, err, e)
		}
		if got, want := CountPrefix(typ, p[:min(len(p), 64)]), min(Count(typ, p), maxCount); got != want {
			t.Fatalf("%d records by the first bytes, want %d", got, want)
		}
		if d, err := Describe(typ, p); err == nil && (d.Type == "" || len(d.Records) > len(p)) {
			t.Fatalf("%+v", d)
		}
	})
}
