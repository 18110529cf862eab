package watch

import (
	"container/list"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

// Bounds on the memory of frames, in bytes.
type Bounds struct {
	// Kept is what frames take that are kept because another session will
	// likely want them.
	Kept int64
	// Held is what the frames take that are being sent, and those may that are
	// being read; beyond, further ones have no more than smallBatch, and one
	// record at least.
	Held int64
	// Most is what the frames take that are being sent: a large one beyond it
	// ends its session's Run with ErrNoMemory.
	Most int64
}

// ErrNoMemory ends a Run whose next records find no memory until other clients
// have taken theirs. The session is as it was.
var ErrNoMemory = errors.New("watch: the records that are being sent hold all the memory they may")

const (
	smallBatch = 16 << 10
	// slotSize is about what a kept frame takes beside its body: the frame, its
	// slot, and their places in the map and the list. A lone record's body is
	// less than that.
	slotSize = 320
)

// Frames reads and renders for all sessions. Sessions that want the same of a
// topic share a line: of those that are at the same place in it one reads, and
// all send what it rendered. A frame is kept as long as it is what a read would
// give, somebody runs on its line, and there is room.
type Frames struct {
	engine Engine
	most   Bounds
	held   atomic.Int64 // bytes that may be read at this moment, and of frames that are being sent

	mu    sync.Mutex // guards what follows, and the slots of all lines; nothing waits under it
	lines map[lineKey]*line
	kept  list.List // of *slot with a frame, the least recently used first
	bytes int       // that they take
}

// NewFrames makes the one Frames that all sessions of a server share.
func NewFrames(engine Engine, most Bounds) *Frames {
	return &Frames{engine: engine, most: most, lines: map[lineKey]*line{}}
}

// lineKey is a topic and everything of the options that makes a difference to
// what is rendered.
type lineKey struct {
	topic                    string
	nodes                    string // see NodesKey
	match                    record.Match
	matched                  bool
	limit, bytes             int
	meta, tags, data, strong bool
}

func keyOf(topic string, o *Options) lineKey {
	k := lineKey{
		topic: topic, limit: o.Limit, bytes: o.MaxBytes,
		meta: o.Meta, tags: o.Tags, data: o.Data, strong: o.Strong,
	}
	k.nodes = o.NodesKey()
	if o.Match != nil {
		k.match, k.matched = *o.Match, true
	}
	return k
}

// NodesKey is Nodes as one string: the same for the same set of them, and for
// no other, whatever bytes they have. All lines of a session have it in common.
func (o *Options) NodesKey() string {
	if o.joined == "" && len(o.Nodes) > 0 {
		var key []byte
		for _, node := range slices.Compact(slices.Sorted(slices.Values(o.Nodes))) {
			key = append(binary.AppendUvarint(key, uint64(len(node))), node...)
		}
		o.joined = string(key)
	}
	return o.joined
}

// line is one topic as some sessions read it. It lives as long as one of them
// runs.
type line struct {
	frames  *Frames
	key     lineKey
	options *Options
	refs    atomic.Int32 // sessions that run on it; changed under Frames.mu
	slots   map[uint64]*slot
}

// slot is a frame that follows a cursor, or the read that will give it.
type slot struct {
	line  *line
	done  chan struct{} // closed when the read is over
	frame *Frame        // nil: under way, or it gave none; set before done
	mark  topics.Mark
	topic uint64 // see reading
	kept  *list.Element
}

// size is what a slot with a frame takes.
func (s *slot) size() int { return slotSize + cap(s.frame.Body) }

// acquire begins a session's use of a topic's line.
func (f *Frames) acquire(topic string, o *Options) *line {
	key := keyOf(topic, o)
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.lines[key]
	if l == nil {
		l = &line{frames: f, key: key, options: o}
		f.lines[key] = l
	}
	l.refs.Add(1)
	return l
}

// release ends it. The last one takes the line's frames along.
func (f *Frames) release(l *line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.refs.Add(-1) > 0 {
		return
	}
	delete(f.lines, l.key)
	for from, s := range l.slots {
		f.forget(from, s)
	}
}

// reading is what a cursor finds.
type reading struct {
	frame *Frame            // nil: no records
	stone *topics.Tombstone // comes before the records
	next  uint64            // the cursor behind them
	// head is a head that the topic had after next was called.
	head uint64
	// topic is which one of the name was read; 0: none was.
	topic uint64
}

// next reads from a cursor on. When it says that the cursor behind is the head,
// then whatever was published before the call is in front of it.
func (l *line) next(ctx context.Context, at uint64) (reading, error) {
	if l.refs.Load() == 1 {
		r, _, err := l.read(ctx, at)
		return r, err
	}
	f := l.frames
	for waited := false; ; {
		st, err := f.engine.State(l.key.topic, false)
		if err != nil {
			return reading{}, err
		}
		if st.Head == at {
			return reading{next: at, head: at}, nil
		}
		s, mine := f.claim(l, at, st.Head)
		if mine {
			return l.fill(ctx, s, at)
		}
		select {
		case <-s.done:
		case <-ctx.Done():
			return reading{}, ctx.Err()
		}
		switch {
		case s.frame != nil && f.engine.Fresh(l.key.topic, s.mark):
			return reading{frame: s.frame, next: s.frame.To, head: max(st.Head, s.frame.Head), topic: s.topic}, nil
		case s.frame == nil && waited:
			// There is nothing to share, as it seems. Do not wait in line.
			r, _, err := l.read(ctx, at)
			return r, err
		}
		waited = true
		f.mu.Lock()
		f.forget(at, s)
		f.mu.Unlock()
	}
}

// claim returns the slot at a cursor. mine says that it is a new one, which the
// caller has to fill.
func (f *Frames) claim(l *line, at, head uint64) (s *slot, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s = l.slots[at]
	if s != nil && s.kept != nil {
		// A client that is behind gets what there is in few frames: one that
		// would take it less than half of the way is read again.
		if n := s.frame; n.To < n.Head || n.To-n.From >= head-min(head, n.To) {
			f.kept.MoveToBack(s.kept)
			return s, false
		}
		f.forget(at, s)
		s = nil
	}
	if s != nil {
		return s, false
	}
	if l.slots == nil {
		l.slots = map[uint64]*slot{}
	}
	s = &slot{line: l, done: make(chan struct{})}
	l.slots[at] = s
	return s, true
}

// fill reads what belongs into a slot, and keeps it if it is a frame.
func (l *line) fill(ctx context.Context, s *slot, at uint64) (r reading, err error) {
	f := l.frames
	var mark topics.Mark
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		defer close(s.done)
		// A topic may leave its session in the middle of a read: then nobody
		// may be left to take the line's frames along.
		if err != nil || r.frame == nil || r.stone != nil || f.lines[l.key] != l {
			f.forget(at, s)
			return
		}
		s.frame, s.mark, s.topic = r.frame, mark, r.topic
		if l.slots[at] == s {
			s.kept = f.kept.PushBack(s)
			f.bytes += s.size()
		}
		for int64(f.bytes) > f.most.Kept {
			old := f.kept.Front().Value.(*slot)
			f.forget(old.frame.From, old)
		}
	}()
	r, mark, err = l.read(ctx, at)
	return r, err
}

// forget takes a slot out of its line, if it is there, and what it keeps out of
// the count. f.mu is held.
func (f *Frames) forget(at uint64, s *slot) {
	if s.line.slots[at] == s {
		delete(s.line.slots, at)
	}
	if s.kept != nil {
		f.kept.Remove(s.kept)
		f.bytes -= s.size()
		s.kept = nil
	}
}

// read reads and renders from a cursor on, for nobody but the caller.
func (l *line) read(ctx context.Context, at uint64) (reading, topics.Mark, error) {
	o, most := l.options, l.options.MaxBytes
	if l.frames.held.Load()+int64(most) > l.frames.most.Held {
		most = min(most, smallBatch)
	}
	// Set aside before the read: many may read at the same moment.
	l.frames.held.Add(int64(most))
	defer l.frames.held.Add(-int64(most))
	b, err := l.frames.engine.Read(ctx, l.key.topic, &topics.Query{
		From: at, Limit: o.Limit, MaxBytes: most, Nodes: o.Nodes, Match: o.Match,
		Synced: o.Strong, Behind: true,
	})
	if err != nil {
		return reading{}, topics.Mark{}, err
	}
	r := reading{stone: b.Tombstone, next: b.NextFrom, head: b.Head, topic: b.Topic}
	if r.stone != nil {
		at = r.stone.GapTo
	}
	if len(b.Records) > 0 {
		r.frame = newFrame(l.key.topic, at, b, o)
	}
	return r, b.Mark, nil
}

// hold counts a frame while it is sent, once for all who send it.
func (f *Frames) hold(n *Frame) error {
	size := int64(len(n.Body))
	if n.senders.Add(1) > 1 {
		return nil
	}
	if f.held.Add(size) > f.most.Most && size > 2*smallBatch {
		f.drop(n)
		return ErrNoMemory
	}
	return nil
}

// drop ends a hold.
func (f *Frames) drop(n *Frame) {
	if n.senders.Add(-1) == 0 {
		f.held.Add(-int64(len(n.Body)))
	}
}
