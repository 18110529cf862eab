package topics

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// tagged writes one record per tag, in a batch of their own each third.
func (w *world) tagged(name string, tags ...string) {
	w.t.Helper()
	for i := 0; i < len(tags); i += 3 {
		wr := &topic.Write{}
		for _, tag := range tags[i:min(i+3, len(tags))] {
			r := record.Record{Data: []byte("12345678")}
			if tag != "" {
				r.Tag, r.Node = []byte(tag), []byte("node-"+tag)
			}
			wr.Records = append(wr.Records, r)
		}
		w.append(name, wr)
	}
}

func TestReadCursor(t *testing.T) {
	w := newWorld(t)
	w.tagged("a", "x", "y", "x", "", "y", "x", "xy", "x", "y", "")
	match := func(op, p string) *record.Match {
		m, err := record.NewMatch(op, p)
		if err != nil {
			t.Fatal(err)
		}
		return &m
	}
	tests := []struct {
		name string
		q    topic.Query
		want []uint64
		next uint64
	}{
		{"all", topic.Query{Limit: 100}, run(1, 10), 10},
		{"from the middle", topic.Query{From: 7, Limit: 100}, run(8, 10), 10},
		{"at the head", topic.Query{From: 10, Limit: 100}, run(1, 0), 10},
		{"limit", topic.Query{Limit: 4}, run(1, 4), 4},
		{"limit is all there is", topic.Query{Limit: 10}, run(1, 10), 10},
		{"limit inside a batch", topic.Query{From: 1, Limit: 1}, run(2, 2), 2},
		{"bytes", topic.Query{Limit: 100, MaxBytes: 24}, run(1, 3), 3},
		{"bytes not reached", topic.Query{Limit: 100, MaxBytes: 25}, run(1, 3), 3},
		{"one byte: at least one record", topic.Query{From: 4, Limit: 100, MaxBytes: 1}, run(5, 5), 5},
		{"eq", topic.Query{Limit: 100, Match: match("Eq", "x")}, []uint64{1, 3, 6, 8}, 10},
		{"glob", topic.Query{Limit: 100, Match: match("Glob", "x*")}, []uint64{1, 3, 6, 7, 8}, 10},
		{"any tag", topic.Query{Limit: 100, Match: match("Glob", "*")}, []uint64{1, 2, 3, 5, 6, 7, 8, 9}, 10},
		{"no tag", topic.Query{Limit: 100, Match: match("Eq", "")}, run(1, 0), 10},
		{"filter and limit", topic.Query{From: 1, Limit: 2, Match: match("Eq", "x")}, []uint64{3, 6}, 6},
		{"filter and bytes", topic.Query{Limit: 100, MaxBytes: 8, Match: match("Eq", "y")}, []uint64{2}, 4},
		{"nodes", topic.Query{Limit: 100, Nodes: []string{"node-x", "node-y"}}, []uint64{4, 7, 10}, 10},
		{"all filtered at the end", topic.Query{From: 7, Limit: 2, Nodes: []string{"node-x", "node-y"}}, []uint64{10}, 10},
		{"node and match", topic.Query{Limit: 100, Nodes: []string{"node-x"}, Match: match("Glob", "x*")}, []uint64{7}, 10},
	}
	for _, cached := range []bool{true, false} {
		for _, test := range tests {
			if test.q.MaxBytes == 0 {
				test.q.MaxBytes = 1 << 20
			}
			b := w.query("a", &test.q)
			if !reflect.DeepEqual(seqs(b), test.want) || b.NextFrom != test.next || b.Head != 10 || b.Earliest != 1 || b.Tombstone != nil {
				t.Errorf("%s (cached %v): %v, next %d: %+v", test.name, cached, seqs(b), b.NextFrom, b)
			}
		}
		w.kill() // from the file now
	}
	w.put("a", &record.ConfigPatch{DedupeNode: ptr(false)})
	if b := w.query("a", &topic.Query{Limit: 100, MaxBytes: 1000, Nodes: []string{"node-x"}}); !reflect.DeepEqual(seqs(b), run(1, 10)) {
		t.Fatalf("dedupe_node is off: %v", seqs(b))
	}
}

// TestReadBatches walks a topic in steps of every size and holds that each
// record comes once.
func TestReadBatches(t *testing.T) {
	w := newWorld(t)
	for n := range 9 {
		w.write("a", n+1)
	}
	for limit := 1; limit < 12; limit++ {
		for bytes := 1; bytes < 60; bytes += 13 {
			var got []uint64
			q := topic.Query{Limit: limit, MaxBytes: bytes}
			for {
				b := w.query("a", &q)
				if b.NextFrom == q.From {
					break
				}
				if n := len(b.Records); n == 0 || n > limit || n > 1 && 8*n > bytes {
					t.Fatalf("limit %d, bytes %d: %d records", limit, bytes, n)
				}
				got = append(got, seqs(b)...)
				q.From = b.NextFrom
			}
			if !reflect.DeepEqual(got, run(1, 45)) {
				t.Fatalf("limit %d, bytes %d: %v", limit, bytes, got)
			}
		}
	}
}

// TestFilteredReadIsBounded holds that a filter that matches nothing answers
// after a bounded number of records, with its cursor moved.
func TestFilteredReadIsBounded(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.FileBytes, w.wal.QueueBytes = 8<<20, 8<<20 })
	const total = topic.MaxScanned + 10_000
	for range total / 10_000 {
		w.write("a", 10_000)
	}
	head := w.state("a").Head
	m, _ := record.NewMatch("Eq", "none")
	b := w.query("a", &topic.Query{Limit: 10, MaxBytes: 1 << 20, Match: &m})
	if len(b.Records) > 0 || b.NextFrom != topic.MaxScanned || b.Cost.Scanned != topic.MaxScanned {
		t.Fatalf("next %d, scanned %d", b.NextFrom, b.Cost.Scanned)
	}
	b = w.query("a", &topic.Query{From: b.NextFrom, Limit: 10, MaxBytes: 1 << 20, Match: &m})
	if b.NextFrom != head {
		t.Fatalf("next %d, head %d", b.NextFrom, head)
	}
}

// TestFilteredRecordsStandAlone holds that few records of many do not keep
// what was read around them in memory.
func TestFilteredRecordsStandAlone(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Ephemeral))
	w.tagged("a", "x", "y", "x")
	m, _ := record.NewMatch("Eq", "x")
	b := w.query("a", &topic.Query{Limit: 10, MaxBytes: 1000, Match: &m})
	frames, _ := w.catalog.Lookup("a").Index.From(1, 4, 3)
	clear(frames[0].Body)
	if len(b.Records) != 2 {
		t.Fatalf("%+v", b)
	}
	for _, r := range b.Records {
		if string(r.Data) != "12345678" || string(r.Tag) != "x" || string(r.Node) != "node-x" || r.Meta != nil {
			t.Fatalf("%+v", r)
		}
	}
}

func TestReadUnknown(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Read(context.Background(), "none", &topic.Query{Limit: 1, MaxBytes: 1}); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	if _, err := w.State("none", true); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	if page, more := w.List("", "", 10); len(page) > 0 || more {
		t.Fatalf("%+v", page)
	}
}

func TestRecency(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{})
	if s := w.state("a"); s.LastRead != 0 || s.LastWrite != 0 || s.EffectivePriority != 0 || s.Head != 0 || s.Earliest != 1 {
		t.Fatalf("%+v", s)
	}
	w.read("a", 0)
	read := w.now
	for _, step := range []struct{ after, want int64 }{{0, 500}, {30_000, 250}, {60_000, 125}, {300_000, 0}, {300_001, 0}} {
		w.now = read + step.after
		if s := w.state("a"); s.LastRead != read || s.EffectivePriority != step.want {
			t.Fatalf("%d ms after a read: %+v", step.after, s)
		}
	}
	if _, err := w.State("a", true); err != nil {
		t.Fatal(err)
	}
	if s := w.state("a"); s.LastRead != w.now || s.EffectivePriority != 500 {
		t.Fatalf("%+v", s)
	}
	w.put("a", &record.ConfigPatch{Priority: ptr(ptr(int64(-7)))})
	if s := w.state("a"); s.EffectivePriority != -7 {
		t.Fatalf("%+v", s)
	}
	w.put("a", &record.ConfigPatch{AutoPriority: ptr(false)})
	if s := w.state("a"); s.EffectivePriority != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestMatchSyntax(t *testing.T) {
	for _, bad := range [][2]string{{"Glob", "a"}, {"Glob", "*a"}, {"Glob", "a*b*"}, {"Glob", ""}, {"glob", "a*"}, {"", "a"}, {"Ne", "a"}} {
		if _, err := record.NewMatch(bad[0], bad[1]); kindOf(err) != record.KindInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for short, tags := range map[string]map[string]bool{
		"x":  {"x": true, "xy": false, "": false},
		"x*": {"x": true, "xy": true, "yx": false, "": false},
		"*":  {"": true, "x": true},
	} {
		m, err := record.ParseMatch(short)
		if err != nil {
			t.Fatal(err)
		}
		for tag, want := range tags {
			if m.Tag([]byte(tag)) != want {
				t.Errorf("%q on %q", short, tag)
			}
		}
		if m.Tag(nil) {
			t.Errorf("%q matches no tag", short)
		}
	}
	if _, err := record.ParseMatch("a*b"); kindOf(err) != record.KindInvalid {
		t.Error(err)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("p%d:%02d", i%3, i/3))
		w.write(names[i], i+1)
	}
	for _, test := range []struct {
		prefix, after string
		limit         int
		want          string
		more          bool
	}{
		{"", "", 3, "p0:00 p0:01 p0:02", true},
		{"p1:", "", 2, "p1:00 p1:01", true},
		{"p1:", "p1:07", 2, "p1:08 p1:09", false},
		{"p1:", "p1:07", 1, "p1:08", true},
		{"p1:", "p1:09", 5, "", false},
		{"p1:", "p0:05", 1, "p1:00", true},
		{"p1:", "p2:05", 1, "", false},
		{"p2:", "p2:08x", 9, "p2:09", false},
		{"q", "", 9, "", false},
	} {
		page, more := w.List(test.prefix, test.after, test.limit)
		var got []string
		for _, s := range page {
			got = append(got, s.Name)
			if want := w.state(s.Name); s != want {
				t.Errorf("listed %+v, state %+v", s, want)
			}
		}
		if s := strings.Join(got, " "); s != test.want || more != test.more {
			t.Errorf("%+v: %s, %v", test, s, more)
		}
	}
	w.now++ // a topic on its way is not listed, and neither is a page without it cut short
	if _, err := w.Begin(context.Background(), "p0:000", &topic.Write{Records: records(1)}); err != nil {
		t.Fatal(err)
	}
	if page, more := w.List("p0:00", "", 1); len(page) != 1 || page[0].Name != "p0:00" || more {
		t.Fatalf("%+v, %v", page, more)
	}
}
