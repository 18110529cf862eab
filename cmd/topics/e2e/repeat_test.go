package e2e

import (
	"fmt"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// TestRepeatOverAKill holds that a client which repeats writes to a queue of a server that
// was killed is answered as it was the first time, though records of them were deduped
// against jobs that have ended since: from the log, and from a checkpoint.
func TestRepeatOverAKill(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	ctx := t.Context()
	c := server.client()
	_, err := c.PutTopic(ctx, "work", client.Config{Type: "queue"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(key string, unique ...string) client.Written {
		t.Helper()
		w := &client.Write{IdempotencyKey: key}
		for _, u := range unique {
			w.Entries = append(w.Entries, client.Entry{Data: []byte(`1`), Job: client.JobAttributes{UniqueKey: u}})
		}
		out, err := server.client().Append(ctx, "work", w)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	both := func(deduped bool) string {
		t.Helper()
		part, whole := write("part", "b", "", "a", "c", "c"), write("whole", "a", "b")
		if part.Deduped != deduped || whole.Deduped != deduped {
			t.Fatalf("deduped is not %v: %+v, %+v", deduped, part, whole)
		}
		return fmt.Sprint(part.FirstSeq, part.LastSeq, part.Seqs, part.DedupedSeqs, "; ", whole.FirstSeq, whole.LastSeq, whole.Seqs, whole.DedupedSeqs)
	}
	write("", "a", "b")
	first := both(false)
	if first != "3 4 [2 3 1 4 4] [2 1 4]; 0 0 [1 2] [1 2]" {
		t.Fatal(first)
	}
	claimed, err := c.Claim(ctx, "work", client.Claim{Node: "w", Max: 9})
	if err != nil || len(claimed.Jobs) != 4 {
		t.Fatalf("%+v, %v", claimed, err)
	}
	var held []*client.Job
	for i := range claimed.Jobs {
		held = append(held, &claimed.Jobs[i])
	}
	_, err = c.Ack(ctx, "work", client.Hold("w", held...))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"the log", "a checkpoint"} {
		server.kill()
		server = server.again().ready()
		if got := both(true); got != first {
			t.Errorf("from %s: %s, was answered %s", from, got, first)
		}
		err := server.client().Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
	}
}
