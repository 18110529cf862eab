package recovery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// TestLossesAreWarnedOf holds that a start after a kill warns of each lost range
// by its topic, for a bounded number of them, and of none in topics that had
// been left alone.
func TestLossesAreWarnedOf(t *testing.T) {
	ctx := context.Background()
	const many, quiet = 30, 10
	memory := "memory"
	fsys := crashfs.New()
	now := func() int64 { return 1_000_000 }
	data, err := recovery.Run(ctx, options(fsys, 1, now))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string) {
		t.Helper()
		w := &topic.Write{Records: []record.Record{{Data: []byte("1")}}, Config: &record.ConfigPatch{Durability: &memory}}
		if _, err := data.Registry.Append(ctx, name, w); err != nil {
			t.Fatal(err)
		}
	}
	for i := range quiet {
		write(fmt.Sprintf("quiet%02d", i))
	}
	for range 2 {
		data.Registry.Sweep(ctx)
	}
	for i := range many {
		write(fmt.Sprintf("t%02d", i))
	}
	if _, err := data.Log.Tick(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o := options(fsys.Kill(), 1, now)
	o.Log = zerolog.New(&log)
	if data, err = recovery.Run(ctx, o); err != nil {
		t.Fatal(err)
	}
	type line struct {
		Level, Topic, Reason   string
		From, To, Seqs, Topics uint64
		AtLeast                *uint64 `json:"missed_at_least"`
	}
	var lines []line
	for d := json.NewDecoder(&log); d.More(); {
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 21 {
		t.Fatalf("%d lines: %+v", len(lines), lines)
	}
	for i, l := range lines[:20] {
		if l.Level != "warn" || l.Topic != fmt.Sprintf("t%02d", i) || l.From != 2 || l.To < 1024 || l.Reason != "crash" || l.AtLeast == nil {
			t.Errorf("%+v", l)
		}
	}
	if rest := lines[20]; rest.Level != "warn" || rest.Topics != many-20 || rest.Seqs < (many-20)*1000 {
		t.Errorf("%+v", rest)
	}
	if n := data.Report.LostRangesTotal; n != many {
		t.Errorf("%d lost ranges", n)
	}
}
