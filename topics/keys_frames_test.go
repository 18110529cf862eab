package topics

import (
	"context"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// TestDedupedThen holds that the writes of an ack remember what they did not append, in
// the frame of the ack.
func TestDedupedThen(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"q", "next"} {
		w.queueOf(name, func(p *record.ConfigPatch) { p.Durability = ptr("fsync") })
	}
	w.append("q", uniqueWrite("", "", ""))
	w.append("next", uniqueWrite("", "a"))
	w.claim("q", "w", 2)
	writes := []*topic.Write{uniqueWrite("part", "a", ""), uniqueWrite("whole", "a")}
	var want []string
	for i, wr := range writes {
		out, err := w.queues.Ack(context.Background(), "q", queue.Call{Node: "w", Seqs: []uint64{uint64(i + 1)}}, []jobs.Then{{Topic: "next", Write: wr}})
		if err != nil || len(out.Then) != 1 || out.Then[0].Deduped {
			t.Fatalf("%+v, %v", out, err)
		}
		want = append(want, answerOf(out.Then[0]))
	}
	if want[0] != "2..2, 1 appended, [1 2], deduped [1]" || want[1] != "0..0, 0 appended, [1], deduped [1]" {
		t.Fatalf("%q", want)
	}
	w.ack("next", "w", w.claim("next", "w", 1).Jobs[0].Seq)
	for _, how := range []string{"at once", "from the log", "from a checkpoint"} {
		for i, wr := range writes {
			if out := w.append("next", wr); !out.Deduped || answerOf(out) != want[i] {
				t.Fatalf("%s, key %s: %+v, was answered %s", how, wr.IdempotencyKey, out, want[i])
			}
		}
		if n := w.state("q").Count; n != 0 {
			t.Fatalf("%s: %d jobs were not acked", how, n)
		}
		if how == "from the log" {
			w.checkpoint(nil)
		}
		w.kill()
	}
}

// TestRepairKeepsAnswers holds that a repair of the log brings back what writes were answered of
// which records were deduped.
func TestRepairKeepsAnswers(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.Durability = ptr("fsync") })
	w.append("q", uniqueWrite("", "a", "b"))
	writes := []*topic.Write{uniqueWrite("part", "b", "", "a"), uniqueWrite("whole", "a", "b")}
	var want []string
	for _, wr := range writes {
		want = append(want, answerOf(w.append("q", wr)))
	}
	damaged := w.wal
	damaged.FS = w.fs.Kill()
	reading, err := wal.Open(damaged)
	if err != nil {
		t.Fatal(err)
	}
	log := emptyLog(t)
	defer log.Close()
	r := New(w.opt)
	m := replay.NewRepairer(r.Replay(), log)
	_, err = reading.Run(func(f wal.Frame) error { return m.Frame(t.Context(), f) }, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	lost, _ := m.Finish(1 << 40)
	r.Start(log)
	if len(lost) > 0 {
		t.Fatalf("lost %+v", lost)
	}
	for i, wr := range writes {
		out, err := r.Append(t.Context(), "q", wr)
		if err != nil || !out.Deduped || answerOf(out) != want[i] {
			t.Errorf("key %s: %+v, %v, was answered %s", wr.IdempotencyKey, out, err, want[i])
		}
	}
}
