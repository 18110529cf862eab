package topics

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Checkpoint is a checkpoint that is being written: a snapshot of every topic, and
// the records that are only in the log, which go to segments.
//
// It does not block writers. Each topic's snapshot is of a moment of its own and
// has the position of the log up to which the topic has applied it. Replay begins at
// Start and skips frames that a topic has applied already.
type Checkpoint struct {
	registry *Registry
	start    wal.LSN
	nextID   uint64
	topics   []*topic.Topic // by id

	nextRouter uint64

	moved   []moved
	live    index.Liveness
	written []uint64 // ids of the segments
	out     *segment.Writer
}

// moved is a topic of whose records those up to through are in segments.
type moved struct {
	topic   *topic.Topic
	through uint64
}

// Sink receives the snapshot and the segments of a checkpoint.
type Sink struct {
	Snapshot io.Writer
	Segment  func() (id uint64, w *segment.Writer, err error) // begins another one
	Limits   segment.Limits
	Pace     func() error // called between pieces of work; an error ends it
}

// Checkpoint begins a checkpoint. Every frame before Start belongs to a topic of the
// checkpoint, or to a deleted one.
func (r *Registry) Checkpoint() *Checkpoint {
	r.forwarders.References.Lock()
	r.catalog.Mu.RLock() // creations and drops get their place in the log under the other lock
	c := &Checkpoint{registry: r, start: r.shared.Log.Tail(), nextID: r.catalog.NextID, nextRouter: r.routers.NextID, live: index.Liveness{}}
	r.forwarders.References.Floor = c.start
	r.forwarders.References.Unlock()
	c.topics = r.catalog.ByName.Values()
	r.catalog.Mu.RUnlock()
	slices.SortFunc(c.topics, func(a, b *topic.Topic) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return c
}

// Start returns the position at which replay begins.
func (c *Checkpoint) Start() wal.LSN { return c.start }

// Topics is how many were captured.
func (c *Checkpoint) Topics() int { return len(c.topics) }

// Live returns the records that were live at the checkpoint.
func (c *Checkpoint) Live() index.Liveness { return c.live }

// Write writes everything, and returns the ids of the segments. What it wrote
// speaks of frames up to the log's tail at its return: the log must be synced
// to there before anybody relies on it. After an error the segments that were
// finished are left to the caller.
func (c *Checkpoint) Write(ctx context.Context, s *Sink) (segments []uint64, err error) {
	defer func() {
		if err != nil && c.out != nil {
			_ = c.out.Abort() // the first error counts
		}
	}()
	if err := c.registry.changes.AwaitBefore(c.start); err != nil {
		return c.written, err
	}
	e := topic.Encoder{Configs: map[*record.Config]uint64{}}
	e.Buf = binary.LittleEndian.AppendUint64(e.Buf, c.registry.shared.KeySeed)
	e.Buf = binary.AppendUvarint(e.Buf, c.nextID)
	for _, t := range c.topics {
		if err := c.registry.settleBefore(t, c.start); err != nil {
			return c.written, err
		}
		if err := c.topic(t, &e, s); err != nil {
			return c.written, fmt.Errorf("checkpoint of topic %q: %w", t.Name, err)
		}
		if err := s.flush(&e); err != nil {
			return c.written, err
		}
	}
	if c.out != nil {
		if err := c.out.Finish(); err != nil {
			return c.written, err
		}
		c.out = nil
	}
	c.registry.catalog.Mu.RLock() // a topic that went meanwhile has taken its routers with it
	routers := router.States(c.registry.routers.Before(c.nextRouter))
	c.registry.catalog.Mu.RUnlock()
	if err := router.AppendStates(&e, c.nextRouter, routers); err != nil {
		return c.written, err
	}
	rest, err := e.End(func() error { return s.flush(&e) })
	if err != nil {
		return c.written, err
	}
	_, err = s.Snapshot.Write(rest)
	return c.written, err
}

// stateChunk is how much of the state is written at once.
const stateChunk = 256 << 10

// flush ends a piece of work. It writes what was encoded, if that is enough.
func (s *Sink) flush(e *topic.Encoder) error {
	if len(e.Buf) >= stateChunk {
		if _, err := s.Snapshot.Write(e.Buf); err != nil {
			return err
		}
		e.Buf = e.Buf[:0]
	}
	return s.Pace()
}

// topic captures one topic: its state under its lock, its keys and its records
// without.
func (c *Checkpoint) topic(t *topic.Topic, e *topic.Encoder, s *Sink) error {
	t.Mu.Lock()
	if t.Dropped || !t.Visible {
		t.Mu.Unlock()
		return nil
	}
	t.RestForCheckpointLocked()
	through := t.Durable()
	var records index.Log
	var dead *index.SeqSet
	if seq, _, ok := t.Index.Front(); ok && seq <= through {
		records = t.Index.View()
		dead = t.Deleted.Clone()
	}
	now := c.registry.shared.Clock.Now()
	err := e.TopicLocked(t, through)
	e.RecordJobs(t, topic.AtBoth(now), through)
	keys := t.KeyViewLocked(now)
	if !t.History.Empty() || !t.Index.Empty() {
		c.live.Add(t.ID, t.Earliest(), t.Deleted)
	}
	t.Mu.Unlock()
	if err == nil {
		e.RecordDeduped(t, &keys, through)
		err = e.Keys(&keys, through, func() error { return s.flush(e) })
	}
	if err != nil || records.Empty() {
		return err
	}
	c.moved = append(c.moved, moved{t, through})
	return c.move(t.ID, &records, dead, through, s)
}

// move writes a topic's records up to through to segments.
func (c *Checkpoint) move(id uint64, records *index.Log, dead *index.SeqSet, through uint64, s *Sink) (err error) {
	reader := c.registry.shared.Reader(id)
	var d record.Decoder // the present frame's records from next on
	var first, next uint64
	paced := 0
	records.Each(func(frame *index.Frame, ordinal int, seq uint64, size uint32) bool {
		if seq > through {
			return false
		}
		if frame.First != first || d.Rest() == nil {
			if d, err = reader.Open(frame); err != nil {
				return false
			}
			first, next = frame.First, frame.First
		}
		var body []byte
		for ; next <= seq; next++ {
			body = d.Bytes()
		}
		rec, bad := record.DecodeRecord(body)
		if err = bad; err != nil || dead.Has(seq) {
			return err == nil
		}
		if err = c.add(id, seq, frame.TS, size, body, rec.Tag, s); err != nil {
			return false
		}
		if paced += len(body); paced >= topic.PaceBytes {
			paced = 0
			err = s.Pace()
		}
		return err == nil
	})
	return err
}

// add puts a record into the present segment, or into the next when it is full.
func (c *Checkpoint) add(id, seq uint64, ts int64, size uint32, body, tag []byte, s *Sink) (err error) {
	if w := c.out; w != nil && s.Limits.Reached(w.DataBytes(), w.Records()) {
		if err := w.Finish(); err != nil {
			return err
		}
		c.out = nil
	}
	if c.out == nil {
		var n uint64
		if n, c.out, err = s.Segment(); err != nil {
			return err
		}
		c.written = append(c.written, n)
	}
	if err := c.out.Add(id, seq, ts, size, body); err != nil || tag == nil {
		return err
	}
	return c.out.Tag(id, tag, seq)
}

// settleBefore waits until everything that has its place before at is
// published, and publishes it as its writers would.
func (r *Registry) settleBefore(t *topic.Topic, at wal.LSN) error {
	for {
		t.Mu.RLock()
		var c *topic.Commit // the first in line: those after it wait for it, too
		if slices.ContainsFunc(t.Line.Commits, func(p *topic.Commit) bool {
			return p.Span.Start < at && (p.Span.End > 0 || topic.CreationOf(p.Operation) != nil)
		}) {
			c = t.Line.Next()
		}
		t.Mu.RUnlock()
		if c == nil {
			return nil
		}
		_, err := c.Satisfy()
		if err := c.Publish(err); err != nil {
			return err
		}
	}
}

// Install makes the topics read from the segments what Write put there, and
// forget where in the log it was. tables are those of Write's segments.
func (c *Checkpoint) Install(tables index.Tables) {
	for _, m := range c.moved {
		m.topic.Mu.Lock()
		if !m.topic.Dropped {
			m.topic.Install(tables[m.topic.ID], m.through)
		}
		m.topic.Mu.Unlock()
	}
}

// Replace makes the topics read from the segments with what was in the
// segments gone, which stand one after the other in the order of all, and can
// be released when it returns.
func (r *Registry) Replace(gone []*segment.Segment, with index.Tables) {
	is := make(map[*segment.Segment]bool, len(gone))
	for _, s := range gone {
		is[s] = true
	}
	for _, t := range r.catalog.All() {
		t.Mu.Lock()
		t.History.Replace(is, with[t.ID])
		t.Mu.Unlock()
	}
}
