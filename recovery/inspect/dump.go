package inspect

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// What selects the parts that Dump writes.
type What struct {
	State, Segments, Frames bool
	Topic                   string // only this one; all if empty
}

// Dump writes the content of a data directory as JSON lines: the topics of the
// newest snapshot that can be read, the records of its segments, and the frames
// of the log from the oldest checkpoint on. Payloads are written as they are
// stored, with spaces for line ends between their tokens. A damaged place is a
// line, too, and Dump goes on after it. Dump writes nothing to the directory.
func Dump(ctx context.Context, d Dir, what What, to io.Writer) error {
	kind, err := recovery.Examine(d.FS, d.Path)
	if err != nil {
		return err
	}
	if err := kind.Require(recovery.Data); err != nil {
		return err
	}
	m, err := manifest.Read(d.FS, d.Path)
	if err != nil {
		return err
	}
	if m == nil {
		m = &manifest.Manifest{}
	}
	w := &dump{Dir: d, ctx: ctx, what: what, out: bufio.NewWriter(to), names: map[uint64]string{}}
	steps := []func(*manifest.Manifest) error{w.state, w.segments, w.log}
	for _, step := range steps {
		if err := step(m); err != nil {
			return errors.Join(err, w.out.Flush())
		}
	}
	return w.out.Flush()
}

type dump struct {
	Dir
	ctx        context.Context
	what       What
	out        *bufio.Writer
	names      map[uint64]string    // of topics by id; a deleted topic and its successor share a name
	checkpoint *manifest.Checkpoint // whose snapshot could be read
}

// wanted reports whether the topic is selected.
func (w *dump) wanted(id uint64) bool { return w.what.Topic == "" || w.names[id] == w.what.Topic }

// line writes an object with the fields, sorted by name, and then the raw JSON of
// more.
func (w *dump) line(fields map[string]any, more ...[]byte) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	sep := byte('{')
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b, err := json.Marshal(fields[name])
		if err != nil {
			return err
		}
		w.out.WriteByte(sep) // a bufio.Writer keeps its error
		fmt.Fprintf(w.out, "%q:", name)
		w.out.Write(b)
		sep = ','
	}
	for _, raw := range more {
		w.out.WriteByte(sep)
		w.out.Write(raw)
		sep = ','
	}
	_, err := w.out.WriteString("}\n")
	return err
}

// payload returns the members of a record's line that are stored as JSON.
func payload(r *record.Record) [][]byte {
	var out [][]byte
	add := func(name string, raw []byte) {
		b := bytes.Map(func(r rune) rune { // valid JSON has line ends only between tokens
			if r == '\n' || r == '\r' {
				return ' '
			}
			return r
		}, raw)
		out = append(out, append([]byte(name), b...))
	}
	if r.Meta != nil {
		add(`"meta":`, r.Meta)
	}
	add(`"data":`, r.Data)
	return out
}

func (w *dump) record(r *record.Record, fields map[string]any) error {
	fields["seq"], fields["ts"] = r.Seq, r.TS
	if r.Tag != nil {
		fields["tag"] = string(r.Tag)
	}
	if r.Node != nil {
		fields["node"] = string(r.Node)
	}
	return w.line(fields, payload(r)...)
}

func (w *dump) damage(file string, offset int64, cause string) error {
	return w.line(map[string]any{"kind": "damage", "file": file, "offset": offset, "cause": cause})
}

// state writes the topics and routers of the newest snapshot that can be read, and
// learns the names of the topics, by which the other parts are selected.
func (w *dump) state(m *manifest.Manifest) error {
	for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
		if c == nil || w.checkpoint != nil {
			continue
		}
		content, err := manifest.ReadSnapshot(w.FS, w.Path+"/"+manifest.SnapshotDir, c)
		if bad := new(manifest.CorruptionError); errors.As(err, &bad) {
			if err := w.damage(bad.File, 0, bad.Err.Error()); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		w.checkpoint = c
		err = replay.DescribeSnapshot(content, func(t *replay.StoredTopic) error {
			w.names[t.ID] = t.Name
			if !w.what.State || !w.wanted(t.ID) {
				return w.ctx.Err()
			}
			return w.line(map[string]any{"kind": "topic", "checkpoint": c.Number, "state": t})
		})
		if err != nil {
			return err
		}
		err = replay.DescribeRouters(content, func(r *replay.StoredRouter) error {
			if !w.what.State || !w.wanted(r.Source) && !w.wanted(r.Dest) {
				return w.ctx.Err()
			}
			return w.line(map[string]any{"kind": "router", "checkpoint": c.Number, "state": r})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// segments writes the records of the segments, in the order of their files. It
// uses the checkpoint whose snapshot was read, so that both belong together.
func (w *dump) segments(m *manifest.Manifest) error {
	c := w.checkpoint
	if c == nil {
		c = m.Checkpoint
	}
	if !w.what.Segments || c == nil {
		return nil
	}
	for _, ref := range c.Segments {
		dir := w.Path + "/" + manifest.SegmentDir
		if ref.Cold {
			if dir = w.Cold; dir == "" {
				return fmt.Errorf("segment %016x is in the cold directory, and none is given", ref.ID)
			}
		}
		err := segment.Scan(w.FS, dir, ref.ID, func(off int64, topic, seq uint64, ts int64, b []byte) error {
			if !w.wanted(topic) {
				return nil
			}
			rec, err := record.DecodeRecordAt(seq, ts, b)
			if err != nil {
				return w.damage(segment.DataName(ref.ID), off, err.Error())
			}
			return w.record(&rec, map[string]any{"kind": "record", "segment": fmt.Sprintf("%016x", ref.ID), "topic_id": topic, "topic": w.names[topic]})
		}, func(d segment.Damage) error { return w.damage(d.File, d.Offset, d.Cause) })
		if err != nil {
			return err
		}
	}
	return nil
}

// log writes the frames. Damage ends nothing: the scan finds the next frame.
func (w *dump) log(m *manifest.Manifest) error {
	if !w.what.Frames {
		return nil
	}
	o := w.LogOptions(m)
	reading, err := wal.Inspect(o)
	if err != nil {
		return err
	}
	_, err = reading.Salvage(w.frame, func(d *wal.CorruptionError) error {
		return w.line(map[string]any{"kind": "damage", "file": o.Dir + "/" + d.File, "offset": d.Offset,
			"lsn": d.LSN, "next_lsn": d.Next, "cause": d.Cause})
	})
	return err
}

func (w *dump) frame(f wal.Frame) error {
	e, err := entry.Describe(f.Type, f.Payload)
	if err != nil {
		return w.line(map[string]any{"kind": "damage", "lsn": f.LSN, "cause": err.Error()})
	}
	err = w.entry(f, &e)
	for i := range e.Parts {
		if err != nil {
			return err
		}
		err = w.entry(f, &e.Parts[i])
	}
	return err
}

// entry writes what a frame says, or a part of it.
func (w *dump) entry(f wal.Frame, e *entry.Description) error {
	if e.Name != "" && e.Type != "router" {
		w.names[e.Topic] = e.Name
	}
	for _, m := range e.Made {
		w.names[m.Topic] = m.Name
	}
	if e.Topic > 0 && !w.wanted(e.Topic) || e.Topic == 0 && w.what.Topic != "" {
		return w.ctx.Err()
	}
	fields := map[string]any{"kind": "frame", "lsn": f.LSN, "end_lsn": f.End, "type": e.Type}
	set := func(name string, value any, there bool) {
		if there {
			fields[name] = value
		}
	}
	set("topic_id", e.Topic, e.Topic > 0)
	set("topic", w.names[e.Topic], e.Topic > 0)
	set("ts", e.TS, e.TS != 0)
	set("first", e.First, e.First > 0)
	set("last", e.Last, e.Last > 0)
	set("ceiling", e.Ceiling, e.Ceiling > 0)
	set("key", e.Key, e.Key != "")
	set("deduped", e.Deduped, e.Deduped != nil)
	set("reason", e.Reason, e.Reason != "")
	set("match", e.Match, e.Match != "")
	set("config", e.Config, e.Config != nil)
	set("floors", e.Watermarks, e.Watermarks != nil)
	set("router_id", e.Router, e.Router > 0)
	set("router", e.Name, e.Type == "router")
	set("source_id", e.Source, e.Source > 0)
	set("cursor", e.Cursor, e.Type == "router" || e.Type == "forward")
	set("spec", e.Spec, e.Spec != nil)
	set("made", e.Made, e.Made != nil)
	set("runs", e.Runs, e.Runs != nil)
	set("missed", e.Lost, e.Lost > 0)
	set("change", e.Change, e.Change != "")
	set("node", e.Node, e.Node != "")
	set("seqs", e.Seqs, e.Seqs != nil)
	set("records", len(e.Records), e.Type == "append" || len(e.Records) > 0)
	if err := w.line(fields); err != nil {
		return err
	}
	for i := range e.Records {
		if err := w.record(&e.Records[i], map[string]any{"kind": "record", "lsn": f.LSN, "topic_id": e.Topic, "topic": w.names[e.Topic]}); err != nil {
			return err
		}
	}
	return nil
}
