package topic

import (
	"context"
	"errors"
	"fmt"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Frames reads the records that frames put into one topic. The two readers are
// at different places: a forwarded frame, and those that it is about.
type Frames struct {
	own, referred *wal.Reader
	topic         uint64 // its id
}

func NewFrames(reader func() *wal.Reader, topic uint64) *Frames {
	return &Frames{reader(), reader(), topic}
}

// Reader returns a reader of what the log's frames put into a topic.
func (s *Shared) Reader(topic uint64) *Frames { return NewFrames(s.Log.NewReader, topic) }

// within makes reads that have to wait for others end with ctx.
func (s *Frames) within(ctx context.Context) *Frames {
	s.own.Within(ctx)
	s.referred.Within(ctx)
	return s
}

// at returns the records of the frame at lsn, encoded.
func (s *Frames) at(lsn wal.LSN) ([]byte, error) {
	b, err := s.Batch(lsn)
	if err != nil {
		return nil, err
	}
	return s.Records(b)
}

// Batch returns what the frame at lsn says of its records.
func (s *Frames) Batch(lsn wal.LSN) (entry.Batch, error) {
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

// Records returns the encoded records of a batch, which its runs may name.
func (s *Frames) Records(b entry.Batch) ([]byte, error) {
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
type References struct{ frames *Frames }

// NewReferences goes by readers of the log whose frames are to be checked.
func NewReferences(reader func() *wal.Reader) *References { return &References{NewFrames(reader, 0)} }

// Check resolves every reference of a frame. fault describes one that cannot be
// resolved, and is empty if all can. An error means that the log could not be read.
func (s *References) Check(f wal.Frame) (fault string, err error) {
	b, err := entry.DecodeBatch(f.Type, f.Payload, 0)
	if err != nil || b.Runs == nil {
		return "", nil // a frame that cannot be decoded has none
	}
	records, err := s.frames.Records(b)
	if err == nil {
		_, _, err = index.RecordColumns(nil, nil, records, b.Count)
	}
	switch {
	case err == nil:
		return "", nil
	case Unreadable(err):
		return fmt.Sprintf("it forwards seqs %d to %d, and cannot be resolved: %v", b.First, b.First+uint64(b.Count)-1, err), nil
	}
	return "", err
}

// Open returns the encoded records of a frame of the index.
func (s *Frames) Open(f *index.Frame) (record.Decoder, error) {
	if f.Body != nil {
		return record.NewDecoder(f.Body), nil
	}
	records, err := s.at(f.LSN)
	return record.NewDecoder(records), err
}

// Unreadable reports whether a frame that is referred to is not there any more,
// or is not what it was.
func Unreadable(err error) bool {
	damage := new(wal.CorruptionError)
	return errors.Is(err, wal.ErrTruncated) || errors.As(err, &damage) || errors.Is(err, record.ErrMalformed)
}
