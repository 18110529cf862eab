package watch

import (
	"container/list"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Bounds limits the memory of frames, in bytes.
type Bounds struct {
	// Kept is for frames that are cached because other sessions are likely to want
	// them.
	Kept int64
	// Held is for frames that are being sent and those that may result from reads
	// under way. Beyond it, a read is limited to smallBatch, but still returns at
	// least one record.
	Held int64
	// Most is for frames that are being sent. A large frame that exceeds it ends
	// its session's Run with ErrNoMemory.
	Most int64
}

// ErrNoMemory ends a Run if there is no memory for its next records until other
// clients have received theirs. The session is unchanged.
var ErrNoMemory = errors.New("watch: the records that are being sent hold all the memory they may")

const (
	smallBatch = 16 << 10
	// slotSize is about what a cached frame needs in addition to its body: the
	// frame, its slot, and their places in the map and the list. The body of a
	// single record may be smaller.
	slotSize = 320
)

// Frames reads and renders records for all sessions. Sessions that read the
// same topic with the same options share a line. Among sessions that are at the
// same cursor of a line, one reads and all send the frame it rendered. A frame
// is cached as long as a read would give the same result, a session is running
// on its line, and there is room.
type Frames struct {
	// Delivered, if set before the first session, is called when records were
	// sent to clients that had everything before them. ts is when the first of
	// them was appended, in Unix milliseconds.
	Delivered func(ts int64, clients int)
	// Grouped, if set before the first session, is called with each new group. Whoever
	// gets it calls its Turn after each ready; aside is as in Host.
	Grouped func(g *Group) (ready, aside func())
	// GroupFrom is how many sessions must run on a line before groups are made of them. It
	// may be changed before the first session.
	GroupFrom int

	engine Engine
	most   Bounds
	held   atomic.Int64 // bytes reserved by reads under way, plus those of frames being sent

	mu    sync.Mutex // guards the fields below and the slots of all lines; never held while waiting
	lines map[lineKey]*line
	kept  list.List // of *slot that have a frame, least recently used first
	bytes int       // total size of the slots in kept
}

// NewFrames returns a Frames, which all sessions of a server must share.
func NewFrames(engine Engine, most Bounds) *Frames {
	return &Frames{engine: engine, most: most, GroupFrom: groupFrom, lines: map[lineKey]*line{}}
}

// lineKey identifies a line: a topic, and all options that affect what is
// rendered.
type lineKey struct {
	topic                    string
	nodes                    string // see NodesKey
	match                    record.Match
	matched                  bool
	limit, bytes             int
	meta, tags, data, strong bool
	preview                  int
	untouched                bool
}

func keyOf(x string, o *Options) lineKey {
	k := lineKey{
		topic: x, limit: o.Limit, bytes: o.MaxBytes,
		meta: o.Meta, tags: o.Tags, data: o.Data, strong: o.Strong, preview: o.Preview, untouched: o.Untouched,
	}
	k.nodes = o.NodesKey()
	if o.Match != nil {
		k.match, k.matched = *o.Match, true
	}
	return k
}

// NodesKey returns Nodes as one string, which is the same for equal sets of
// nodes and different for all others, whatever bytes the nodes contain. It is
// computed once for all lines of a session.
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

// line is one topic as read with one set of options. It exists while at least
// one session runs on it.
type line struct {
	frames  *Frames
	key     lineKey
	options *Options
	refs    atomic.Int32 // number of sessions that run on it; changed under Frames.mu
	slots   map[uint64]*slot
	apart   atomic.Bool // what was read last is nothing for groups

	mu     sync.Mutex // guards groups; comes before Group.mu
	groups []*Group
}

// slot is the frame that follows a cursor, or the read that will produce it.
type slot struct {
	line  *line
	done  chan struct{} // closed when the read is over
	frame *Frame        // set before done is closed; nil until then, or if the read gave no frame
	mark  topic.Mark
	topic uint64 // see reading.topic
	kept  *list.Element
}

// size returns the size of a slot that has a frame, in bytes.
func (s *slot) size() int { return slotSize + cap(s.frame.Body) }

// acquire returns the topic's line for these options. The caller must release
// it.
func (f *Frames) acquire(x string, o *Options) *line {
	key := keyOf(x, o)
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

// release ends a session's use of a line. The last release drops its frames.
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

// reading is the result of reading at a cursor.
type reading struct {
	frame     *Frame           // nil if there are no records
	tombstone *topic.Tombstone // comes before the records; may be nil
	next      uint64           // cursor after the records
	// head is a head that the topic had at some time after the call of next.
	head uint64
	// topic identifies the topic that was read, see topics.Batch.Topic; 0 if
	// nothing was read.
	topic uint64
}

// next reads after the cursor at. If it returns a reading whose next is the
// head, everything published before the call lies at or below next. aside, unless
// nil, is called before something is waited for.
func (l *line) next(ctx context.Context, at uint64, aside func()) (reading, error) {
	if aside == nil {
		aside = func() {}
	}
	if l.refs.Load() == 1 {
		aside()
		r, _, err := l.read(ctx, at)
		return r, err
	}
	f := l.frames
	for waited := false; ; {
		head, err := f.engine.Head(l.key.topic)
		if err != nil {
			return reading{}, err
		}
		if head == at {
			return reading{next: at, head: at}, nil
		}
		s, mine := f.claim(l, at, head)
		if mine {
			aside()
			return l.fill(ctx, s, at)
		}
		select {
		case <-s.done:
		default:
			aside()
			select {
			case <-s.done:
			case <-ctx.Done():
				return reading{}, ctx.Err()
			}
		}
		switch {
		case s.frame != nil && f.engine.Fresh(l.key.topic, s.mark):
			return reading{frame: s.frame, next: s.frame.To, head: max(head, s.frame.Head), topic: s.topic}, nil
		case s.frame == nil && waited:
			// There seems to be nothing to share, so do not queue up for it.
			aside()
			r, _, err := l.read(ctx, at)
			return r, err
		}
		waited = true
		f.mu.Lock()
		f.forget(at, s)
		f.mu.Unlock()
	}
}

// claim returns the slot at a cursor. If mine is true, the slot is new and the
// caller must fill it.
func (f *Frames) claim(l *line, at, head uint64) (s *slot, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s = l.slots[at]
	if s != nil && s.kept != nil {
		// A client that has fallen behind should get few, large frames. A frame that
		// covers less than half of the distance to the head is read again.
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

// fill reads for the slot s, and caches the result if it is a frame.
func (l *line) fill(ctx context.Context, s *slot, at uint64) (r reading, err error) {
	f := l.frames
	var mark topic.Mark
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		defer close(s.done)
		// If the topic left its session during the read, the line may be released
		// already, and its last release will not drop this frame.
		if err != nil || r.frame == nil || r.tombstone != nil || f.lines[l.key] != l {
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

// forget removes a slot from its line, if it is there, and from the cached
// frames. f.mu is held.
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

// read reads and renders after the cursor at, without sharing.
func (l *line) read(ctx context.Context, at uint64) (reading, topic.Mark, error) {
	o, most := l.options, l.options.MaxBytes
	if l.frames.held.Load()+int64(most) > l.frames.most.Held {
		most = min(most, smallBatch)
	}
	// Reserved before the read, because many may read at the same time.
	l.frames.held.Add(int64(most))
	defer l.frames.held.Add(-int64(most))
	b, err := l.frames.engine.Read(ctx, l.key.topic, &topic.Query{
		From: at, Limit: o.Limit, MaxBytes: most, Nodes: o.Nodes, Match: o.Match,
		Synced: o.Strong, Behind: true, Untouched: o.Untouched,
	})
	if err != nil {
		return reading{}, topic.Mark{}, err
	}
	r := reading{tombstone: b.Tombstone, next: b.NextFrom, head: b.Head, topic: b.Topic}
	if r.tombstone != nil {
		at = r.tombstone.GapTo
	}
	if len(b.Records) > 0 {
		r.frame = newFrame(l.key.topic, at, b, o)
	}
	if r.next != at || r.tombstone != nil {
		l.apart.Store(!r.plain())
	}
	return r, b.Mark, nil
}

// delivered tells whom it concerns that clients have a frame that had everything before
// it.
func (f *Frames) delivered(n *Frame, clients int) {
	if clients > 0 && f.Delivered != nil {
		f.Delivered(n.TS, clients)
	}
}

// hold counts a frame as being sent, once for all sessions that send it. If it
// returns nil the caller must drop the frame.
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

// drop undoes a hold.
func (f *Frames) drop(n *Frame) {
	if n.senders.Add(-1) == 0 {
		f.held.Add(-int64(len(n.Body)))
	}
}
