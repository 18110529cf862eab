package repair_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

func options(fsys vfs.FS) recovery.Options {
	o := recoverytest.Options(fsys, func() int64 { return 1_000_000 })
	o.WAL.CacheBytes, o.WAL.QueueWait, o.Storage.ArchiveDir = 64<<10, time.Second, ""
	return o
}

func dataDir(fsys vfs.FS) inspect.Dir {
	return inspect.Dir{FS: fsys, Path: "/data", Cold: "/cold", BootID: "boot", Mount: "mount"}
}

func run(t *testing.T, fsys vfs.FS) *recovery.Recovered {
	t.Helper()
	return recoverytest.Run(t, options(fsys))
}

// built are the worlds that build and buildWith return copies of, without and
// with routers. Each is made once.
var built = map[bool]*world{}

// build returns a killed data directory with segments in both tiers, deleted
// records, a cap, and a log that goes on after the last checkpoint. It is the
// caller's to change.
func build(t *testing.T) *world {
	t.Helper()
	return buildWith(t, false)
}

// buildWith is build, perhaps with routers: the log that is left has frames of
// every kind of theirs.
func buildWith(t *testing.T, routers bool) *world {
	t.Helper()
	if built[routers] == nil {
		built[routers] = construct(t, routers)
	}
	return built[routers].clone()
}

// clone returns a copy whose directory and books can be changed.
func (w *world) clone() *world {
	c := *w
	c.fs = w.fs.Clone()
	c.whole = maps.Clone(w.whole)
	c.used = maps.Clone(w.used)
	return &c
}

// construct makes what buildWith returns.
func construct(t *testing.T, routers bool) *world {
	t.Helper()
	fsys := crashfs.New()
	data := run(t, fsys)
	r, ctx := data.Registry, context.Background()
	fsync, disk, limit := "fsync", "disk", int64(40)
	names := []string{"kept", "tagged", "capped", "idle"}
	for i, p := range []*record.ConfigPatch{
		{Durability: &fsync}, {Durability: &disk}, {Durability: &fsync, CapRecords: &limit}, {Durability: &fsync},
	} {
		if _, err := r.Put(ctx, names[i], p); err != nil {
			t.Fatal(err)
		}
	}
	ever, wrote, w := map[string]bool{}, map[string]bool{}, &world{}
	if routers {
		connect(t, r, 0)
		connect(t, r, 1)
	}
	for round := range 9 {
		for _, name := range names {
			if name == "idle" && round > 2 {
				continue
			}
			write := &topic.Write{DisableBackpressure: true, IdempotencyKey: fmt.Sprint(name, round)}
			for i := range 25 {
				rec := record.Record{Data: fmt.Appendf(nil, `"%s %d/%d %s"`, name, round, i, strings.Repeat(string(rune('a'+i)), 13*i%90)), Meta: []byte(`{"m": 1}`)}
				if name == "tagged" {
					rec.Tag = fmt.Appendf(nil, "tag-%d", i%3)
				}
				write.Records = append(write.Records, rec)
			}
			out, err := r.Append(ctx, name, write)
			if err != nil {
				t.Fatal(err)
			}
			for i, rec := range write.Records {
				ever[name+line(out.First+uint64(i), rec)] = true
				wrote[payloadOf(rec)] = true
			}
		}
		r.Forward(ctx)
		if round%2 == 1 {
			m, err := record.NewMatch("Eq", "tag-1")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.DeleteRecords(ctx, "tagged", &topics.Deletion{Match: &m}); err != nil {
				t.Fatal(err)
			}
		}
		if round == 7 && routers {
			connect(t, r, 2)
		}
		if round == 5 {
			w.early = fsys.Clone()
		}
		if round < 7 {
			if err := recoverytest.Upkeep(ctx, data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := data.Log.WaitSynced(data.Log.Tail()); err != nil {
		t.Fatal(err)
	}
	w.whole, w.ever, w.wrote, w.used = read(t, r), ever, wrote, map[string]int64{}
	for _, f := range data.Log.Files() {
		w.used["/data/wal/"+f.Name] = f.Bytes()
	}
	w.fs = fsys.Kill()
	return w
}

// world is a data directory and what is in it.
type world struct {
	fs    *crashfs.FS
	early *crashfs.FS // the same directory some checkpoints ago
	whole content
	ever  map[string]bool  // name and entry of each record that was ever written
	wrote map[string]bool  // what is in each of them
	used  map[string]int64 // bytes of the log's files with frames in them
}

// content has the reads of each topic: by seq the record, or the
// reason why there is none.
type content map[string]topicContent

type topicContent struct {
	head    uint64
	records map[uint64]string
	lost    map[uint64]string
	failed  bool // reading met damage, and ended there
}

func read(t *testing.T, r *topics.Registry) content {
	t.Helper()
	all := content{}
	r.Forward(context.Background())
	page, _ := r.List("", "", 100)
	for _, s := range page {
		all[s.Name] = readTopic(t, r, s)
	}
	return all
}

func readTopic(t *testing.T, r *topics.Registry, s topic.State) topicContent {
	t.Helper()
	c := topicContent{s.Head, map[uint64]string{}, map[uint64]string{}, false}
	q := topic.Query{Limit: 7, MaxBytes: 1 << 20}
	for q.From < s.Head {
		b, err := r.Read(context.Background(), s.Name, &q)
		if e := new(record.Error); errors.As(err, &e) && e.Kind == record.KindDamaged {
			if c.failed = true; r.LastDamage() == "" {
				t.Errorf("a read met damage, and nothing was noted")
			}
			q.From++ // the records after it can still be read
			continue
		}
		if err != nil {
			t.Fatalf("read %s from %d: %v", s.Name, q.From, err)
		}
		if l := b.Tombstone; l != nil {
			for seq := l.GapFrom; seq <= min(l.GapTo, l.GapFrom+1<<16); seq++ {
				c.lost[seq] = l.Reason
			}
		}
		for _, rec := range b.Records {
			c.records[rec.Seq] = line(rec.Seq, rec)
		}
		if b.NextFrom <= q.From {
			t.Fatalf("read %s from %d stands still", s.Name, q.From)
		}
		q.From = b.NextFrom
	}
	if !c.failed && int64(len(c.records)) != s.Count {
		t.Errorf("topic %s counts %d records and has %d", s.Name, s.Count, len(c.records))
	}
	return c
}

// failed reports whether any read met damage.
func (c content) failed() bool {
	for _, x := range c {
		if x.failed {
			return true
		}
	}
	return false
}

func line(seq uint64, r record.Record) string {
	return fmt.Sprint(seq, " ", string(r.Tag), " ", payloadOf(r))
}

// payloadOf returns the fields that no router changes.
func payloadOf(r record.Record) string { return fmt.Sprintf("%s %s", r.Meta, r.Data) }

// check holds that c has nothing but what w had at its end, and returns how
// many records are gone. Those must be reported as corrupt, unless c failed.
// What was evicted or deleted may be back if the log is damaged: what did that
// may be lost.
func (w *world) check(t *testing.T, c content, back bool) (gone int) {
	t.Helper()
	for name, want := range w.whole {
		got, ok := c[name]
		if !ok {
			t.Errorf("topic %s is not there", name)
			continue
		}
		if got.head < want.head {
			t.Errorf("topic %s: the head went back from %d to %d", name, want.head, got.head)
		}
		for _, seq := range slices.Sorted(maps.Keys(want.records)) {
			rec, there := got.records[seq]
			switch {
			case !there && !got.failed && got.lost[seq] != topic.ReasonCorrupt && !got.front(seq, name):
				t.Fatalf("topic %s: seq %d is gone without a word (%q)", name, seq, got.lost[seq])
			case !there:
				gone++
			case rec != want.records[seq]:
				t.Fatalf("topic %s: seq %d is %s, was %s", name, seq, rec, want.records[seq])
			}
		}
		for seq, rec := range got.records {
			if _, ok := want.records[seq]; !ok && !(back && (w.ever[name+rec] || w.forwarded(name, rec))) {
				t.Fatalf("topic %s: seq %d was not there, now it is %s", name, seq, rec)
			}
		}
		w.checkOnce(t, name, got)
	}
	return gone
}

// front reports whether the seq is in the gap that begins with what the topic's
// cap evicted: what was lost right after that is in the same gap.
func (c *topicContent) front(seq uint64, name string) bool {
	for live := range c.records {
		if live < seq {
			return false
		}
	}
	return name == "capped" && c.lost[seq] == topic.ReasonCap
}

// files are the files of a directory that a checkpoint or recovery needs.
func files(t *testing.T, fsys vfs.FS, dir string) []string {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		names[i] = path.Join(dir, names[i])
	}
	return names
}
