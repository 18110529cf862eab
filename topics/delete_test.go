package topics

import (
	"context"
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

func (w *world) delete(name string, ifEmpty bool) bool {
	w.t.Helper()
	removal, err := w.Delete(context.Background(), name, ifEmpty)
	deleted := removal.Deleted
	if err != nil {
		w.t.Fatalf("delete %s: %v", name, err)
	}
	return deleted
}

func TestDelete(t *testing.T) {
	w := newWorld(t)
	if w.delete("a", false) {
		t.Fatal("deleted what was not there")
	}
	w.append("a", &topic.Write{Records: records(5), IdempotencyKey: "k"})
	before := w.Totals()
	if before.Topics != 1 || before.Records != 5 || before.Bytes != 40 {
		t.Fatalf("%+v", before)
	}
	if !w.delete("a", false) {
		t.Fatal("not deleted")
	}
	if got := w.Totals(); got.Topics != 0 || got.Records != 0 || got.Bytes != 0 || got.ByClass != [4]int{} {
		t.Fatalf("%+v", got)
	}
	if _, err := w.State("a", false); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	w.power(3)
	if _, err := w.Read(context.Background(), "a", &topic.Query{Limit: 1, MaxBytes: 1}); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	// The next of that name is another one: its seqs, its keys, its config.
	out := w.append("a", &topic.Write{Records: records(2), IdempotencyKey: "k"})
	if !out.Created || out.Deduped || out.First != 1 {
		t.Fatalf("%+v", out)
	}
	b := w.read("a", 5)
	if s := b.Tombstone; s == nil || *s != (topic.Tombstone{GapFrom: 1, GapTo: 2, Reason: topic.ReasonRecreated, Missed: 2, AtLeast: 2, Earliest: 1, Head: 2}) {
		t.Fatalf("%+v", s)
	}
	if b.NextFrom != 2 || len(b.Records) != 0 {
		t.Fatalf("%+v", b)
	}
	w.kill()
	if got := seqs(w.read("a", 0)); !reflect.DeepEqual(got, run(1, 2)) {
		t.Fatal(got)
	}
}

func TestDeleteIfEmpty(t *testing.T) {
	w := newWorld(t)
	w.append("a", &topic.Write{Records: records(2), Config: &record.ConfigPatch{TTLMS: ptr(int64(100))}})
	if _, err := w.Delete(context.Background(), "a", true); kindOf(err) != record.KindNotEmpty {
		t.Fatal(err)
	}
	w.now += 100
	if _, err := w.Delete(context.Background(), "a", true); kindOf(err) != record.KindNotEmpty {
		t.Fatal("at the ttl a record lives:", err)
	}
	p, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(1)})
	if err != nil {
		t.Fatal(err)
	}
	if w.now++; !w.live("a", 0) {
		t.Fatal("beyond the ttl a record lives")
	}
	if _, err := w.Delete(context.Background(), "a", true); kindOf(err) != record.KindNotEmpty {
		t.Fatal("deleted under a write on its way:", err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	w.now += 101
	if !w.delete("a", true) {
		t.Fatal("not deleted")
	}
}

func (w *world) live(name string, n int64) bool { return w.state(name).Count == n }

// TestDeleteUnderWrites holds that writes on their way when their topic goes
// are answered, leave nothing, and that the name is free at once.
func TestDeleteUnderWrites(t *testing.T) {
	for c := record.Ephemeral; c <= record.Fsync; c++ {
		w := newWorld(t)
		w.put("a", class(c))
		var pending []*topic.Pending
		for range 3 {
			p, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(2), IdempotencyKey: "k"})
			if err != nil {
				t.Fatal(err)
			}
			pending = append(pending, p)
		}
		w.delete("a", false)
		again := w.append("a", &topic.Write{Records: records(1), IdempotencyKey: "k"})
		if !again.Created || again.First != 1 || again.Deduped {
			t.Fatalf("%v: %+v", c, again)
		}
		for _, p := range pending {
			if _, err := p.Wait(); err != nil {
				t.Fatalf("%v: %v", c, err)
			}
		}
		if s := w.state("a"); s.Head != 1 || s.Count != 1 {
			t.Fatalf("%v: %+v", c, s)
		}
		if got := w.Totals(); got.Topics != 1 || got.Records != 1 || got.EphemeralBytes != 0 {
			t.Fatalf("%v: %+v", c, got)
		}
		w.kill()
		if s := w.state("a"); s.Head != 1 || s.Count != 1 {
			t.Fatalf("%v after a kill: %+v", c, s)
		}
	}
}

// TestDeleteOfCreation deletes a topic that is being made.
func TestDeleteOfCreation(t *testing.T) {
	w := newWorld(t)
	p, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(1)})
	if err != nil {
		t.Fatal(err)
	}
	if !w.delete("a", false) {
		t.Fatal("not deleted")
	}
	if out, err := p.Wait(); err != nil || !out.Created {
		t.Fatal(out, err)
	}
	if got := w.Totals(); got.Topics != 0 || got.Records != 0 || got.ByClass != [4]int{} {
		t.Fatalf("%+v", got)
	}
	w.kill()
	if page, _ := w.List("", "", 10); len(page) != 0 {
		t.Fatalf("%+v", page)
	}
}
