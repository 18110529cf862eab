package topics

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// A forwarded record knows its way: the ids of the topics that it has been in
// before this one, oldest first, as varints. It is never sent to a topic that
// is on it, nor, in a cycle, further than maxHops. Who has come that far enters
// no cycle any more, so that the rest of the way need not be known: a long
// chain of routers costs each record in it no more than maxHops ids.

// maxHops is how often a record is forwarded at most where there is a cycle.
const maxHops = 16

// onward is the way of a record that leaves the topic of that id. false: it may
// not go to dest.
func onward(path []byte, id, dest uint64) ([]byte, bool) {
	n := 0
	for d := record.NewDecoder(path); d.Left() > 0; n++ {
		if d.Uvarint() == dest {
			return nil, false
		}
	}
	switch {
	case id == dest:
		return nil, false
	case n >= maxHops:
		return path, true
	}
	return binary.AppendUvarint(path[:len(path):len(path)], id), true
}

// hops is how often a record has been forwarded that came this way, maxHops for
// that and more.
func hops(path []byte) (n int) {
	for d := record.NewDecoder(path); d.Left() > 0; n++ {
		d.Uvarint()
	}
	return n
}

// frames reads the records of frames. The two readers are at different places:
// a forwarded frame, and those that it is about.
type frames struct{ own, referred *wal.Reader }

func newFrames(reader func() *wal.Reader) *frames { return &frames{reader(), reader()} }

// reader returns a reader of the log's frames.
func (r *Registry) reader() *frames { return newFrames(r.log.NewReader) }

// within makes reads that have to wait for others end with ctx.
func (s *frames) within(ctx context.Context) *frames {
	s.own.Within(ctx)
	s.referred.Within(ctx)
	return s
}

// at returns the records of the frame at lsn, encoded.
func (s *frames) at(lsn wal.LSN) ([]byte, error) {
	b, err := s.batch(lsn)
	if err != nil {
		return nil, err
	}
	return s.records(b)
}

// batch returns what the frame at lsn says of its records.
func (s *frames) batch(lsn wal.LSN) (entry.Batch, error) { return readBatch(s.own, lsn) }

func readBatch(reader *wal.Reader, lsn wal.LSN) (entry.Batch, error) {
	typ, payload, err := reader.Frame(lsn)
	if err != nil {
		return entry.Batch{}, err
	}
	b, err := entry.DecodeBatch(typ, payload)
	if err != nil {
		return entry.Batch{}, fmt.Errorf("frame at lsn %d: %w", lsn, err)
	}
	return b, nil
}

// records returns the encoded records of a batch, which its runs may name.
func (s *frames) records(b entry.Batch) ([]byte, error) {
	if b.Runs == nil {
		return b.Records, nil
	}
	var out []byte
	for i := range b.Runs {
		u := &b.Runs[i]
		from, err := readBatch(s.referred, u.At)
		if err != nil {
			return nil, err
		}
		if from.Runs != nil {
			return nil, fmt.Errorf("%w: the frame at lsn %d has runs, too", record.ErrMalformed, u.At)
		}
		if out == nil && len(b.Runs) == 1 {
			out = make([]byte, 0, len(from.Records)+from.Count*(len(u.Path)+3))
		}
		out, err = u.AppendRecords(out, from.Records)
		if err != nil {
			return nil, fmt.Errorf("records at lsn %d: %w", u.At, err)
		}
	}
	return out, nil
}

// References looks whether there is what forwarded frames refer to.
type References struct{ frames *frames }

// NewReferences goes by readers of the log whose frames are to be checked.
func NewReferences(reader func() *wal.Reader) *References { return &References{newFrames(reader)} }

// Check resolves every reference of a frame. fault says what is wrong with one,
// and is empty if nothing is. An error says that it cannot be found out.
func (s *References) Check(f wal.Frame) (fault string, err error) {
	b, err := entry.DecodeBatch(f.Type, f.Payload)
	if err != nil || b.Runs == nil {
		return "", nil // a frame that cannot be decoded has none
	}
	records, err := s.frames.records(b)
	if err == nil {
		_, _, err = index.RecordColumns(nil, nil, records, b.Count)
	}
	switch {
	case err == nil:
		return "", nil
	case unreadable(err):
		return fmt.Sprintf("it forwards seqs %d to %d, and cannot be resolved: %v", b.First, b.First+uint64(b.Count)-1, err), nil
	}
	return "", err
}
