package topics

import (
	"encoding/json"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Frame is a frame of the log as people read it. What does not count for its
// type is zero. Byte slices alias the frame.
type Frame struct {
	Type    string // append, create, config, drop, reserve, lost, floors, delete, router, unroute, forward
	Topic   uint64 // its id; 0: floors, which are of many
	Name    string // if the frame makes the topic; of a router
	TS      int64  // Unix ms
	First   uint64 // append, lost: the first seq
	Last    uint64 // append, lost: the last; config: the head; delete: the last that may go
	Ceiling uint64 // seqs up to here are reserved
	Key     string // idempotency key
	Reason  string // lost
	Match   string // delete: the predicate; a prefix ends in *
	Config  *record.Config
	Floors  []Floor
	Records []record.Record
	// Of routers: router, unroute, forward.
	Router uint64          // its id
	Source uint64          // router: the topic's id; Topic is the destination's
	Cursor uint64          // the last seq of the source that is done with
	Spec   json.RawMessage // router
	Made   []StoredName    // router: the topics that came with it
	Runs   []FrameRun      // forward: where the records are; none: in Records
	Lost   uint64          // forward: so many records were lost before they could be forwarded
}

// FrameRun is a stretch of records of another frame.
type FrameRun struct {
	LSN   uint64 `json:"lsn"`
	From  int    `json:"from"` // the first of them
	Count int    `json:"count"`
}

// StoredName is the name of a topic.
type StoredName struct {
	Topic uint64 `json:"topic_id"`
	Name  string `json:"topic"`
}

// Floor says up to which seq a topic's records had gone.
type Floor struct {
	Topic      uint64 `json:"topic_id"`
	ThroughCap uint64 `json:"through_cap"`
	ThroughTTL uint64 `json:"through_ttl"`
}

var entryNames = [...]string{
	entryAppend: "append", entryCreate: "create", entryConfig: "config", entryDrop: "drop",
	entryReserve: "reserve", entryLost: "lost", entryFloors: "floors", entryDelete: "delete",
	entryRouter: "router", entryUnroute: "unroute", entryForward: "forward",
}

// DescribeFrame decodes a frame of the log.
func DescribeFrame(f wal.Frame) (Frame, error) {
	e, err := decodeEntry(f.Type, f.Payload)
	if err != nil {
		return Frame{}, err
	}
	out := Frame{
		Type: entryNames[e.typ], Topic: e.id, Name: e.name, TS: e.ts, First: e.first, Last: e.last,
		Ceiling: e.ceiling, Key: string(e.key), Reason: e.reason, Config: e.config,
		Router: e.router, Source: e.source, Cursor: e.cursor, Spec: e.spec,
	}
	if e.trim {
		out.Lost, out.Last = uint64(e.count), e.first+uint64(e.count)-1
	}
	for _, m := range e.made {
		if m != nil {
			out.Made = append(out.Made, StoredName{m.id, m.name})
		}
	}
	for i := range e.runs {
		out.Runs = append(out.Runs, FrameRun{uint64(e.runs[i].at), e.runs[i].from, e.runs[i].count})
		out.Last = e.first + uint64(e.count) - 1
	}
	for _, f := range e.floors {
		out.Floors = append(out.Floors, Floor{f.id, f.byCap, f.byTTL})
	}
	if e.match != nil {
		if out.Match = e.match.Value; e.match.Prefix {
			out.Match += "*"
		}
	}
	for rest, seq := e.records, e.first; len(e.records) > 0 && len(out.Records) < e.count; seq++ {
		var r record.Record
		if r, rest, err = record.NextRecord(rest); err != nil {
			return Frame{}, err
		}
		r.Seq, r.TS = seq, e.ts
		out.Records = append(out.Records, r)
		out.Last = seq
	}
	return out, nil
}

// StoredTopic is a topic as a checkpoint's state has it.
type StoredTopic struct {
	ID            uint64         `json:"topic_id"`
	Name          string         `json:"topic"`
	Config        *record.Config `json:"config"`
	Applied       uint64         `json:"applied_lsn"` // frames from here on are not in it
	Head          uint64         `json:"head"`
	First         uint64         `json:"first"` // live seq; 0: there is none
	Records       int64          `json:"records"`
	Bytes         int64          `json:"bytes"`
	EvictFloor    uint64         `json:"evict_floor"`
	ThroughCap    uint64         `json:"through_cap"`
	ThroughTTL    uint64         `json:"through_ttl"`
	Ceiling       uint64         `json:"ceiling"`
	LastWrite     int64          `json:"last_write"` // Unix ms
	LastRead      int64          `json:"last_read"`  // Unix ms
	Lost          []SeqRange     `json:"lost"`
	Deleted       []SeqRange     `json:"deleted"`
	Idempotencies int            `json:"idempotency_keys"`
}

// StoredRouter is a router as a checkpoint's state has it.
type StoredRouter struct {
	ID        uint64          `json:"router_id"`
	Name      string          `json:"router"`
	Source    uint64          `json:"source_id"`
	Dest      uint64          `json:"dest_id"`
	Spec      json.RawMessage `json:"spec"`
	Cursor    uint64          `json:"cursor"`      // the last seq of the source that is done with
	Forwarded uint64          `json:"forwarded"`   // records
	Applied   uint64          `json:"applied_lsn"` // frames from here on are not in it
}

// SeqRange is a range of seqs, both ends included.
type SeqRange struct {
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Reason string `json:"reason,omitempty"`
}

// DescribeState decodes a checkpoint's state and calls yield with each topic,
// by id. An error of yield ends it.
func DescribeState(state []byte, yield func(*StoredTopic) error) error {
	r := New(Options{})
	if err := r.restoreState(state); err != nil {
		return err
	}
	for _, t := range r.inOrder() {
		s := &StoredTopic{
			ID: t.id, Name: t.name, Config: t.cfg, Applied: uint64(t.applied), Head: t.head, First: t.history.seq,
			Records: t.live.Records, Bytes: t.live.Bytes,
			EvictFloor: t.evictFloor, ThroughCap: t.capThrough, ThroughTTL: t.ttlThrough, Ceiling: t.reserve.ceiling,
			LastWrite: t.lastWrite, LastRead: t.lastRead.Load(),
			Lost: []SeqRange{}, Deleted: t.deleted.ranges(), Idempotencies: int(t.keys.held().keys),
		}
		for _, l := range t.lost {
			s.Lost = append(s.Lost, SeqRange{l.from, l.to, l.reason})
		}
		if err := yield(s); err != nil {
			return err
		}
	}
	return nil
}

// DescribeRouters decodes a checkpoint's state and calls yield with each
// router, by name. An error of yield ends it.
func DescribeRouters(state []byte, yield func(*StoredRouter) error) error {
	r := New(Options{})
	if err := r.restoreState(state); err != nil {
		return err
	}
	for _, rt := range r.routers.byName.Values() {
		spec, err := rt.spec.encode()
		if err != nil {
			return err
		}
		s := &StoredRouter{rt.id, rt.name, rt.source.id, rt.dest.id, spec, rt.cursor, rt.forwarded, uint64(rt.applied)}
		if err := yield(s); err != nil {
			return err
		}
	}
	return nil
}

// ranges returns what is in the set.
func (s *seqSet) ranges() []SeqRange {
	out := []SeqRange{}
	for seq, ok := s.next(0); ok; {
		end := s.absent(seq)
		out = append(out, SeqRange{From: seq, To: end - 1})
		seq, ok = s.next(end)
	}
	return out
}
