package replay

import (
	"encoding/json"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// StoredTopic is a topic as a checkpoint's state has it.
type StoredTopic struct {
	ID            uint64         `json:"topic_id"`
	Name          string         `json:"topic"`
	Config        *record.Config `json:"config"`
	Applied       uint64         `json:"applied_lsn"` // frames from here on are not in it
	Head          uint64         `json:"head"`
	First         uint64         `json:"first"` // live seq, 0 if there is none
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

// DescribeSnapshot decodes a checkpoint's state and calls yield with each topic,
// by id. An error of yield ends it.
func DescribeSnapshot(state []byte, yield func(*StoredTopic) error) error {
	rp, err := decode(state)
	if err != nil {
		return err
	}
	for _, t := range rp.catalog.InOrder() {
		first, _, _ := t.History.Front()
		s := &StoredTopic{
			ID: t.ID, Name: t.Name, Config: t.Config, Applied: uint64(t.Applied), Head: t.Head, First: first,
			Records: t.Live.Records, Bytes: t.Live.Bytes,
			EvictFloor: t.Marks.Low, ThroughCap: t.Marks.Capped, ThroughTTL: t.Marks.TTL, Ceiling: t.Reserve.Ceiling,
			LastWrite: t.LastWrite, LastRead: t.LastRead(),
			Lost: []SeqRange{}, Deleted: seqRanges(t.Deleted), Idempotencies: int(t.Keys.Usage().Keys),
		}
		for _, l := range t.Lost.Ranges {
			s.Lost = append(s.Lost, SeqRange{l.From, l.To, l.Reason})
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
	rp, err := decode(state)
	if err != nil {
		return err
	}
	for _, rt := range rp.routers.ByName.Values() {
		spec, err := rt.Spec.Encode()
		if err != nil {
			return err
		}
		s := &StoredRouter{rt.ID, rt.Name, rt.Source.ID, rt.Dest.ID, spec, rt.Cursor, rt.Forwarded, uint64(rt.Applied)}
		if err := yield(s); err != nil {
			return err
		}
	}
	return nil
}

// seqRanges returns the runs of seqs of the set.
func seqRanges(s *index.SeqSet) []SeqRange {
	out := []SeqRange{}
	for seq, ok := s.Next(0); ok; {
		end := s.Absent(seq)
		out = append(out, SeqRange{From: seq, To: end - 1})
		seq, ok = s.Next(end)
	}
	return out
}
