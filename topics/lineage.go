package topics

import (
	"context"
	"errors"
	"fmt"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// frames reads the records that frames put into one topic. The two readers are
// at different places: a forwarded frame, and those that it is about.
type frames struct {
	own, referred *wal.Reader
	topic         uint64 // its id
}

func newFrames(reader func() *wal.Reader, topic uint64) *frames {
	return &frames{reader(), reader(), topic}
}

// reader returns a reader of what the log's frames put into a topic.
func (s *shared) reader(topic uint64) *frames { return newFrames(s.log.NewReader, topic) }

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
func (s *frames) batch(lsn wal.LSN) (entry.Batch, error) {
	return readBatch(s.own, lsn, s.topic)
}

func readBatch(reader *wal.Reader, lsn wal.LSN, topic uint64) (entry.Batch, error) {
	typ, payload, err := reader.Frame(lsn)
	if err != nil {
		return entry.Batch{}, err
	}
	b, err := entry.DecodeBatch(typ, payload, topic)
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
		from, err := readBatch(s.referred, u.At, 0)
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

// References checks that the frames to which forwarded ones refer can be read.
type References struct{ frames *frames }

// NewReferences goes by readers of the log whose frames are to be checked.
func NewReferences(reader func() *wal.Reader) *References { return &References{newFrames(reader, 0)} }

// Check resolves every reference of a frame. fault describes one that cannot be
// resolved, and is empty if all can. An error means that the log could not be read.
func (s *References) Check(f wal.Frame) (fault string, err error) {
	b, err := entry.DecodeBatch(f.Type, f.Payload, 0)
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

// open returns the encoded records of a frame of the index.
func (s *frames) open(f *index.Frame) (record.Decoder, error) {
	if f.Body != nil {
		return record.NewDecoder(f.Body), nil
	}
	records, err := s.at(f.LSN)
	return record.NewDecoder(records), err
}

// unreadable reports whether a frame that is referred to is not there any more,
// or is not what it was.
func unreadable(err error) bool {
	damage := new(wal.CorruptionError)
	return errors.Is(err, wal.ErrTruncated) || errors.As(err, &damage) || errors.Is(err, record.ErrMalformed)
}
