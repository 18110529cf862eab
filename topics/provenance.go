package topics

import (
	"context"
	"encoding/binary"
	"fmt"

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

// reference is a stretch of records of one frame of the log: what a forwarded frame
// has instead of the records.
type reference struct {
	at    wal.LSN // of the frame, which has the records' bytes itself
	from  int     // the first of them
	count int
	strip byte   // hasNode, hasTag: not for the destination
	path  []byte // the way of them all
}

// continues reports whether a record of that frame can be added to it.
func (u *reference) continues(at wal.LSN, ordinal int, strip byte, path []byte) bool {
	return u.at == at && u.from+u.count == ordinal && u.strip == strip && string(u.path) == string(path)
}

// appendRuns encodes runs: their number, and of each where its frame is, from
// the one before, and the rest of it.
func appendRuns(dst []byte, runs []reference) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(runs)))
	var last wal.LSN
	for i := range runs {
		u := &runs[i]
		dst = binary.AppendVarint(dst, int64(u.at/8)-int64(last/8)) // frames stand on multiples of 8
		last = u.at
		dst = binary.AppendUvarint(dst, uint64(u.from))
		dst = binary.AppendUvarint(dst, uint64(u.count))
		dst = record.AppendBytes(append(dst, u.strip), u.path)
	}
	return dst
}

// runs is appendRuns' inverse; count is how many records they must be.
func decodeRuns(d *record.Decoder, count int) []reference {
	n := d.Uvarint()
	if n == 0 || n > uint64(d.Left()/smallestRun) || n > uint64(count) {
		d.Fail()
		return nil
	}
	out := make([]reference, 0, n)
	var at int64
	left := uint64(count)
	for ; n > 0 && !d.Failed(); n-- {
		at += d.Varint()
		from, records := d.Uvarint(), d.Uvarint()
		u := reference{at: wal.LSN(at) * 8, from: int(from), count: int(records), strip: d.Byte(), path: d.Bytes()}
		if at < 0 || at > maxFrameAt || from > maxFrameRecords || records == 0 || records > left || u.strip&^(record.HasNode|record.HasTag) != 0 {
			d.Fail()
		}
		left -= min(records, left)
		out = append(out, u)
	}
	if left > 0 {
		d.Fail()
	}
	return out
}

const (
	maxFrameAt      = 1 << 59 // times 8: a position
	maxFrameRecords = 1 << 31
	smallestRun     = 5 // bytes
)

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
	e, err := s.entry(lsn)
	if err != nil {
		return nil, err
	}
	return s.records(&e)
}

// entry returns the frame at lsn, which has records.
func (s *frames) entry(lsn wal.LSN) (entry, error) { return read(s.own, lsn) }

func read(reader *wal.Reader, lsn wal.LSN) (entry, error) {
	typ, payload, err := reader.Frame(lsn)
	if err != nil {
		return entry{}, err
	}
	e, err := decodeEntry(typ, payload)
	if err == nil && typ != entryAppend && typ != entryForward {
		err = fmt.Errorf("%w: the one at lsn %d, of type %d, has no records", record.ErrMalformed, lsn, typ)
	}
	return e, err
}

// records returns the encoded records of e, which it may refer to.
func (s *frames) records(e *entry) ([]byte, error) {
	if e.runs == nil {
		return e.records, nil
	}
	var out []byte
	for i := range e.runs {
		u := &e.runs[i]
		from, err := read(s.referred, u.at)
		if err != nil {
			return nil, err
		}
		if from.runs != nil {
			return nil, fmt.Errorf("%w: the one at lsn %d refers on", record.ErrMalformed, u.at)
		}
		if out == nil && len(e.runs) == 1 {
			out = make([]byte, 0, len(from.records)+from.count*(len(u.path)+3))
		}
		if out, err = u.resolve(out, from.records); err != nil {
			return nil, fmt.Errorf("records at lsn %d: %w", u.at, err)
		}
	}
	return out, nil
}

// resolve appends the records, of which p are those of its whole frame.
func (u *reference) resolve(dst, p []byte) ([]byte, error) {
	d := record.NewDecoder(p)
	for range u.from {
		if d.Bytes(); d.Failed() {
			return nil, record.ErrMalformed
		}
	}
	for range u.count {
		b := d.Bytes()
		if d.Failed() {
			return nil, record.ErrMalformed
		}
		rec, err := record.DecodeRecord(b)
		if err != nil {
			return nil, err
		}
		dst = record.AppendRecord(dst, rec.Forwarded(u.strip, u.path))
	}
	return dst, nil
}

// References looks whether there is what forwarded frames refer to.
type References struct{ frames *frames }

// NewReferences goes by readers of the log whose frames are to be checked.
func NewReferences(reader func() *wal.Reader) *References { return &References{newFrames(reader)} }

// Check resolves every reference of a frame. fault says what is wrong with one;
// empty: nothing is. An error says that it cannot be found out.
func (s *References) Check(f wal.Frame) (fault string, err error) {
	e, err := decodeEntry(f.Type, f.Payload)
	if err != nil || e.runs == nil {
		return "", nil // a frame that cannot be decoded has none
	}
	records, err := s.frames.records(&e)
	if err == nil {
		_, _, err = recordColumns(nil, nil, records, e.count)
	}
	switch {
	case err == nil:
		return "", nil
	case unreadable(err):
		return fmt.Sprintf("it forwards seqs %d to %d, and cannot be resolved: %v", e.first, e.first+uint64(e.count)-1, err), nil
	}
	return "", err
}
