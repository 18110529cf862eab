package topics

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

func TestAppendAnswers(t *testing.T) {
	for c := record.Ephemeral; c <= record.Fsync; c++ {
		t.Run(c.String(), func(t *testing.T) {
			w := newWorld(t)
			out := w.append("a", &topic.Write{Records: records(3), Config: class(c)})
			out.Cost = topic.Cost{}
			if want := (topic.Written{First: 1, Last: 3, Head: 3, Count: 3, Created: true}); out != want {
				t.Fatalf("%+v", out)
			}
			out = w.write("a", 2)
			out.Cost = topic.Cost{}
			if want := (topic.Written{First: 4, Last: 5, Head: 5, Count: 2}); out != want {
				t.Fatalf("%+v", out)
			}
			b := w.read("a", 0)
			if !reflect.DeepEqual(seqs(b), run(1, 5)) || b.Head != 5 || b.NextFrom != 5 || b.Earliest != 1 || b.Tombstone != nil {
				t.Fatalf("%+v", b)
			}
			if s := w.state("a"); s.Head != 5 || s.Count != 5 || s.Bytes != 40 || s.LastWrite != w.now || s.Config.Durability != c {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// TestPayloadsAreVerbatim holds that every part of a record comes back byte
// for byte, absent apart from empty, from memory and from the file.
func TestPayloadsAreVerbatim(t *testing.T) {
	recs := []record.Record{
		{Data: []byte(`{"b": 1.0e+2, "a":1, "a":2, "\u00e9":"é"}`), Meta: []byte(`{ "k" : null }`), Tag: []byte("täg"), Node: []byte("n")},
		{Data: []byte("null")},
		{Data: []byte(`""`), Meta: []byte("{}"), Tag: []byte(""), Node: []byte("")},
		{Data: []byte("0"), Node: []byte("only")},
	}
	for c := record.Ephemeral; c <= record.Fsync; c++ {
		w := newWorld(t)
		wr := &topic.Write{Config: class(c)}
		for _, r := range recs {
			wr.Records = append(wr.Records, record.Record{
				Data: append([]byte(nil), r.Data...), Meta: r.Meta, Tag: r.Tag, Node: r.Node,
			})
		}
		w.append("a", wr)
		for i := range wr.Records { // the caller may reuse its memory
			clear(wr.Records[i].Data)
		}
		check := func() {
			t.Helper()
			b := w.read("a", 0)
			if len(b.Records) != len(recs) {
				t.Fatalf("%v: %d records", c, len(b.Records))
			}
			for i, got := range b.Records {
				want := recs[i]
				want.Seq, want.TS = uint64(i+1), w.now
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%v: got %+v, want %+v", c, got, want)
				}
			}
		}
		check()
		if c > record.Memory {
			w.kill()
			check()
		}
	}
}

// TestTimestamps holds that a batch has one, and that they never go back.
func TestTimestamps(t *testing.T) {
	w := newWorld(t)
	var want []int64
	for i, now := range []int64{5000, 4000, 6000, 5999, -1} {
		if w.now = now; i == 3 {
			w.kill()
		}
		w.write("a", 2)
		ts := []int64{5000, 5000, 6000, 6000, 6000}[i]
		want = append(want, ts, ts)
	}
	var got []int64
	for _, r := range w.read("a", 0).Records {
		got = append(got, r.TS)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	w.now = 3000
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(100))})
	w.write("a", 1)
	if r := w.read("a", 10).Records[0]; r.TS != 6000 {
		t.Fatalf("after a config change at %d ms", r.TS)
	}
}

func TestCreateRules(t *testing.T) {
	off := &record.ConfigPatch{AutoCreate: ptr(false)}
	tests := []struct {
		name   string
		create *bool
		config *record.ConfigPatch
		want   record.Kind // 0: created
	}{
		{"by default", nil, nil, 0},
		{"asked for", ptr(true), nil, 0},
		{"forbidden", ptr(false), nil, record.KindNotFound},
		{"config says no", nil, off, record.KindNotFound},
		{"the write has the last word", ptr(true), off, 0},
		{"bad config", nil, &record.ConfigPatch{TTLMS: ptr(int64(-1))}, record.KindInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			out, err := w.Append(context.Background(), "a", &topic.Write{Records: records(1), Create: test.create, Config: test.config})
			if kindOf(err) != test.want || out.Created != (test.want == 0) {
				t.Fatalf("%+v, %v", out, err)
			}
			if _, err := w.State("a", false); (err == nil) != (test.want == 0) {
				t.Fatal(err)
			}
			if test.want == 0 {
				w.append("a", &topic.Write{Records: records(1), Create: ptr(false)})
			}
		})
	}
	w := newWorld(t)
	for _, bad := range []*topic.Write{{Records: records(1)}, {Records: records(1), Create: ptr(true)}} {
		if _, err := w.Append(context.Background(), "a b", bad); kindOf(err) != record.KindInvalid {
			t.Fatal(err)
		}
	}
	w.refused("a", &topic.Write{}, record.KindInvalid)
}

// TestConfigOnlyWhenCreating holds that a write's config is for the topic it
// makes, and nothing to one that is there; a wrong one is refused either way.
func TestConfigOnlyWhenCreating(t *testing.T) {
	w := newWorld(t)
	w.append("a", &topic.Write{Records: records(1), Config: &record.ConfigPatch{CapRecords: ptr(int64(2))}})
	w.append("a", &topic.Write{Records: records(1), Config: &record.ConfigPatch{CapRecords: ptr(int64(9)), Type: ptr("queue")}})
	w.refused("a", &topic.Write{Records: records(1), Config: &record.ConfigPatch{CapRecords: ptr(int64(-9))}}, record.KindInvalid)
	if c := w.state("a").Config; c.CapRecords != 2 || c.Type != record.TypeLog {
		t.Fatalf("%+v", c)
	}
}

func TestExpectedHead(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.refused("a", &topic.Write{Records: records(1), ExpectedHead: ptr(uint64(1))}, record.KindSeqMismatch)
	w.append("a", &topic.Write{Records: records(3), ExpectedHead: ptr(uint64(0))})
	e := w.refused("a", &topic.Write{Records: records(1), ExpectedHead: ptr(uint64(0))}, record.KindSeqMismatch)
	if !reflect.DeepEqual(e.Detail, map[string]any{"topic": "a", "expected": uint64(0), "head_seq": uint64(3)}) {
		t.Fatalf("%+v", e.Detail)
	}
	// A write on its way counts: of two that expect one head, one gets it.
	first, err := w.Begin(ctx, "a", &topic.Write{Records: records(1), ExpectedHead: ptr(uint64(3))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Begin(ctx, "a", &topic.Write{Records: records(1), ExpectedHead: ptr(uint64(3))}); kindOf(err) != record.KindSeqMismatch {
		t.Fatal(err)
	}
	if _, err := first.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestBusyLog holds that a write that does not fit after its own reservation,
// or that its topic's config makes too big, waits for room and is then what it
// was.
func TestBusyLog(t *testing.T) {
	for size := 3000; size < 4200; size += 8 {
		w := newWorld(t, func(w *world) { w.wal.QueueBytes = 4096; w.wal.FileBytes = 8192 })
		wr := &topic.Write{Records: []record.Record{{Data: make([]byte, size)}, {Data: []byte("2")}}}
		w.append("made.by.it", wr)
		before := w.write("reserves", 500).Last
		for tp := w.catalog.Lookup("reserves"); tp.Reserve.Covers(before + 2); {
			before = w.write("reserves", 1).Last
		}
		w.append("reserves", wr)
		w.kill()
		for name, before := range map[string]uint64{"made.by.it": 0, "reserves": before} {
			s := w.state(name)
			if s.Head != before+2 || s.Count != int64(s.Head) || s.Bytes != int64(before)*8+int64(size+1) {
				t.Fatalf("size %d: %+v", size, s)
			}
		}
	}
}

// TestBusyLogAndReservation holds that a write to memory whose seqs are to be
// reserved waits for room as every other one does.
func TestBusyLogAndReservation(t *testing.T) {
	for size := 1; size < 4096; size += 97 {
		w := newWorld(t, func(w *world) { w.wal.QueueBytes = 4096 })
		w.put("e", class(record.Ephemeral))
		w.put("m", class(record.Memory))
		last := w.write("e", 1).Last
		for e := w.catalog.Lookup("e"); e.Reserve.Covers(last + 1); {
			last = w.write("e", 1).Last
		}
		w.write("m", 1)
		if err := w.shared.Log.WaitWritten(w.shared.Log.Tail()); err != nil {
			t.Fatal(err)
		}
		w.append("m", &topic.Write{Records: []record.Record{{Data: make([]byte, size)}}}) // without a Wait
		if out := w.write("e", 1); out.First != last+1 {
			t.Fatalf("size %d: %+v, behind %d", size, out, last)
		}
	}
}

// TestOrderOfOneGoroutine holds that writes begun in one order have it, also
// when they are waited for in another, and that none is seen before those in
// front of it.
func TestOrderOfOneGoroutine(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Fsync))
	var pending []*topic.Pending
	for range 3 {
		p, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(2)})
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	if s := w.state("a"); s.Head != 0 || len(w.read("a", 0).Records) != 0 {
		t.Fatalf("visible before its sync: %+v", s)
	}
	if got := pending[1].Placed(); got != (topic.Placement{First: 3, Last: 4, Class: record.Fsync}) {
		t.Fatalf("%+v", got)
	}
	for _, i := range []int{2, 0, 1} {
		out, err := pending[i].Wait()
		if err != nil || out.First != uint64(2*i+1) {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if got := seqs(w.read("a", 0)); !reflect.DeepEqual(got, run(1, 6)) {
		t.Fatal(got)
	}
}

func TestMaxTopics(t *testing.T) {
	w := newWorld(t, func(w *world) { w.opt.MaxTopics = 3 })
	for i := range 3 {
		w.write(fmt.Sprint(i), 1)
	}
	e := w.refused("x", &topic.Write{Records: records(1)}, record.KindThrottled)
	if e.Detail["limit"] != "max_topics" || e.Detail["max"] != 3 {
		t.Fatalf("%+v", e.Detail)
	}
	if _, err := w.Put(context.Background(), "x", &record.ConfigPatch{}); kindOf(err) != record.KindThrottled {
		t.Fatal(err)
	}
	w.write("2", 1)
	w.delete("2", false)
	w.write("x", 1)
}
