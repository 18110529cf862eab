package recovery_test

import (
	"context"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// What a start would replay grows with the log, is given up by a checkpoint, and
// is what the next start does replay.
func TestReplayBytes(t *testing.T) {
	fsys, data := stored(t)
	ctx := context.Background()
	if _, err := data.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	after := data.StorageStats().ReplayBytes
	w := &topic.Write{DisableBackpressure: true, Records: []record.Record{{Data: []byte(`"replayed"`)}}}
	before := data.Log.Tail()
	for range 20 {
		if _, err := data.Registry.Append(ctx, "topic-0", w); err != nil {
			t.Fatal(err)
		}
	}
	grown := int64(data.Log.Tail() - before)
	if got := data.StorageStats().ReplayBytes; grown == 0 || got != after+grown {
		t.Errorf("%d bytes to replay after a checkpoint and %d after %d more", after, got, grown)
	}
	if err := data.Log.WaitSynced(data.Log.Tail()); err != nil {
		t.Fatal(err)
	}
	expected := data.StorageStats().ReplayBytes
	again, err := recovery.Run(ctx, options(fsys.Kill(), 0, func() int64 { return 1_000_000 }))
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Report.Bytes; got != expected {
		t.Errorf("%d bytes were replayed, %d were forecast", got, expected)
	}
}
