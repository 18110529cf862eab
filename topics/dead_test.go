package topics

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// A page of dead letters, and what a replay reads at a time, is bounded in bytes: the
// letters may be as large as records are.
func TestLargeDeadLetters(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.DeadLetter = ptr(ptr("dead")) })
	const n, size = 24, 600_000
	for range n {
		w.append("q", &topic.Write{Records: []record.Record{jobRecord(string(bytes.Repeat([]byte("x"), size)), nil)}})
	}
	for left := n; left > 0; {
		var seqs []uint64
		for _, j := range w.claim("q", "w", n).Jobs {
			seqs = append(seqs, j.Seq)
		}
		w.nack("q", "w", queue.Return{Dead: true}, seqs...)
		left -= len(seqs)
	}
	for most, want := range map[int]int{0: (8 << 20) / size, 1: 1, size: 1, 2 * (size + 1000): 2, 5 * (size + 1000): 5} {
		var got []uint64
		for q := (jobs.DeadQuery{Limit: 1000, MaxBytes: most}); ; {
			page, err := w.queues.DeadLetters(ctx, "q", &q)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Letters) > want || len(page.Letters) < want && page.Next != 0 {
				t.Fatalf("%d letters in a page of %d bytes, want %d; next is %d", len(page.Letters), most, want, page.Next)
			}
			for i := range page.Letters {
				got = append(got, page.Letters[i].Source)
			}
			q.After = page.Next
			if q.After == 0 {
				break
			}
		}
		if len(got) != n || !slices.IsSorted(got) {
			t.Fatalf("pages of %d bytes: %v", most, got)
		}
	}
	out, err := w.queues.ReplayDead(ctx, "q", &jobs.DeadSelection{Seqs: []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 99}})
	if err != nil || len(out.Done) != 17 || len(out.Skipped) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err = w.queues.ReplayDead(ctx, "q", &jobs.DeadSelection{}); err != nil || len(out.Done) != n-17 {
		t.Fatalf("%+v, %v", out, err)
	}
	w.kill()
	w.counts("q", n, 0, 0, 0)
}

// A replay that is ended says what it had moved before.
func TestEndedReplay(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.DeadLetter = ptr(ptr("dead")) })
	const n = 100
	var seqs []uint64
	for range n {
		w.append("q", &topic.Write{Records: []record.Record{jobRecord("1", nil)}})
	}
	for _, j := range w.claim("q", "w", n).Jobs {
		seqs = append(seqs, j.Seq)
	}
	w.nack("q", "w", queue.Return{Dead: true}, seqs...)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for st, err := w.State("q", false); err == nil && st.Head == n; st, err = w.State("q", false) {
			runtime.Gosched()
		}
	}()
	out, err := w.queues.ReplayDead(ctx, "q", &jobs.DeadSelection{PerSecond: 1})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%+v, %v", out, err)
	}
	moved := int(w.state("q").Head - n)
	if moved == 0 || out == nil || len(out.Done) != moved || len(out.Replayed) != moved {
		t.Fatalf("%d letters were moved, and the result is %+v", moved, out)
	}
}
