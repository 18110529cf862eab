package topics

import (
	"context"
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"pgregory.net/rapid"
)

// markedRead is a read as it was answered.
type markedRead struct {
	name    string
	query   *topic.Query
	mark    topic.Mark
	records []record.Record
}

// Fresh holds that what is called fresh would be read again.
func (m *registryMachine) Fresh(t *rapid.T) {
	for _, r := range m.marked {
		if !m.w.Fresh(r.name, r.mark) {
			continue
		}
		got, err := m.w.Registry.Read(context.Background(), r.name, r.query)
		if err != nil || got.Tombstone != nil || len(got.Records) < len(r.records) {
			t.Fatalf("%s %+v is not fresh: %+v, %v", r.name, r.query, got, err)
		}
		for i := range r.records {
			if !reflect.DeepEqual(got.Records[i], r.records[i]) {
				t.Fatalf("%s %+v is not fresh: record %d is %+v, was %+v", r.name, r.query, i, got.Records[i], r.records[i])
			}
		}
	}
}

func TestFresh(t *testing.T) {
	for _, c := range []struct {
		name   string
		query  topic.Query
		config record.ConfigPatch
		then   func(w *world)
		fresh  bool
	}{
		{"nothing happened", topic.Query{}, record.ConfigPatch{}, func(*world) {}, true},
		{"more was written", topic.Query{}, record.ConfigPatch{}, func(w *world) { w.write("a", 5) }, true},
		{"it is in a segment now", topic.Query{}, record.ConfigPatch{}, func(w *world) { w.checkpoint(nil) }, true},
		{"a record was deleted", topic.Query{}, record.ConfigPatch{}, func(w *world) { w.deleteRecords("a", 2, "") }, false},
		{"records were deleted by tag", topic.Query{}, record.ConfigPatch{}, func(w *world) { w.deleteRecords("a", 0, "x") }, false},
		{"the first was evicted", topic.Query{}, record.ConfigPatch{}, func(w *world) { w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(3))}) }, false},
		{"writes evict", topic.Query{}, record.ConfigPatch{CapRecords: ptr(int64(6))}, func(w *world) { w.write("a", 3) }, false},
		{"they evict what comes before", topic.Query{From: 2}, record.ConfigPatch{CapRecords: ptr(int64(6))}, func(w *world) { w.write("a", 3) }, false},
		{"they evict what the reader has", topic.Query{From: 2}, record.ConfigPatch{CapRecords: ptr(int64(6))}, func(w *world) { w.write("a", 2) }, true},
		{"they expired", topic.Query{}, record.ConfigPatch{TTLMS: ptr(int64(10))}, func(w *world) { w.now += 11 }, false},
		{"their time is not over", topic.Query{}, record.ConfigPatch{TTLMS: ptr(int64(10))}, func(w *world) { w.now += 10 }, true},
		{"the config says otherwise", topic.Query{}, record.ConfigPatch{}, func(w *world) { w.put("a", &record.ConfigPatch{DedupeNode: ptr(false)}) }, false},
		{"the topic went", topic.Query{}, record.ConfigPatch{}, func(w *world) { w.delete("a", false) }, false},
		{"it was made again", topic.Query{}, record.ConfigPatch{}, func(w *world) {
			w.delete("a", false)
			w.write("a", 6)
		}, false},
		{"there was a tombstone", topic.Query{From: 99}, record.ConfigPatch{}, func(*world) {}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.put("a", &c.config)
			w.append("a", &topic.Write{Records: []record.Record{{Data: []byte("1"), Tag: []byte("x")}, {Data: []byte("2")}}})
			w.write("a", 4)
			c.query.Limit, c.query.MaxBytes = 2, 1000
			b := w.query("a", &c.query)
			c.then(w)
			if got := w.Fresh("a", b.Mark); got != c.fresh {
				t.Fatalf("fresh: %v, want %v", got, c.fresh)
			}
		})
	}
	w := newWorld(t)
	w.write("a", 1)
	if w.Fresh("a", topic.Mark{}) || w.Fresh("b", w.read("a", 0).Mark) {
		t.Fatal("fresh without having been read")
	}
	b := &topic.Batch{}
	w.catalog.Lookup("a").MarkLocked(&topic.Query{}, b, nil)
	if !w.Fresh("a", b.Mark) {
		t.Fatal("not fresh")
	}
	if w.catalog.Lookup("a").MarkLocked(&topic.Query{}, b, &topic.Tombstone{}); w.Fresh("a", b.Mark) {
		t.Fatal("a later pass of the read found a loss")
	}
}
