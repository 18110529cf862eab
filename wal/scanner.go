package wal

import (
	"errors"
	"fmt"
	"io"

	"github.com/e6e95bb8/topics/wal/frame"
)

// blockBytes is how many bytes replay reads at a time, and blocksAhead how many
// blocks may wait for apply: together they bound replay's memory, except for a frame
// that is bigger than a block.
const (
	blockBytes  = 1 << 20
	blocksAhead = 3
)

// scanner reads a log's files. In the end it knows where the valid frames end and
// what follows them.
type scanner struct {
	*Replay
	at     int    // index in used of the file that holds end
	end    LSN    // first position without a valid frame
	synced LSN    // highest position that a frame or header proves durable
	cause  string // why the frames end there; empty if nothing was ever written there

	before   int64       // bytes read in the files before the one at hand
	progress func(int64) // gets the bytes read so far

	farthest LSN   // no frame in the files searched so far can have a later position
	garbage  int64 // bytes from end to the last that is not zero, in each file
	dirtyTo  int64 // offset in used[at] after its last byte that is not zero
}

func newScanner(r *Replay) *scanner {
	return &scanner{Replay: r, at: r.from, end: r.begin, progress: func(int64) {}, synced: max(r.opts.Synced, r.opts.Start)}
}

// each streams every frame through apply, reading ahead in one goroutine.
func (s *scanner) each(apply func(Frame) error, progress func(int64)) error {
	blocks := make(chan verified, blocksAhead)
	free := make(chan []byte, blocksAhead+2)
	stop := make(chan struct{})
	go func() {
		defer close(blocks)
		s.read(blocks, free, stop)
	}()
	defer func() {
		close(stop)
		for range blocks { // the reader is gone once the channel is closed
		}
	}()
	for b := range blocks {
		if b.err != nil {
			return b.err
		}
		for _, f := range b.frames {
			if f.Type == typeMarker {
				continue
			}
			end := LSN(f.LSN) + LSN(frame.Size(len(f.Payload)))
			if err := apply(Frame{f.Type, LSN(f.LSN), end, f.Payload}); err != nil {
				return fmt.Errorf("wal: apply frame at lsn %d: %w", f.LSN, err)
			}
		}
		progress(b.done)
		free <- b.buf
	}
	return nil
}

// read sends the blocks of all files until the frames end.
func (s *scanner) read(blocks chan<- verified, free <-chan []byte, stop <-chan struct{}) {
	var done int64
	for i, f := range s.used[s.from:] {
		s.at = s.from + i
		s.synced = max(s.synced, f.synced)
		limit := s.limit(s.at)
		if s.end > f.first { // in the middle of the first one
			done -= f.offset(s.end)
		}
		base := done
		s.before = base
		more, err := s.readFile(f, limit, func(b verified) bool {
			b.done += base
			select {
			case blocks <- b:
				return true
			case <-stop:
				return false
			}
		}, free)
		if err != nil {
			blocks <- verified{err: err}
		}
		if !more {
			return
		}
		done += limit
	}
}

// checkStart distinguishes a log that ends at Options.Start, without a frame there,
// from a Start beyond the log's end or inside a frame. The frames before Start
// decide that, so checkStart reads those of its file.
func (s *scanner) checkStart() error {
	if len(s.used) == 0 || s.end != s.begin || s.begin == s.used[s.from].first {
		return nil
	}
	f, start := s.used[s.from], s.begin
	s.end = f.first
	free := make(chan []byte, 1)
	_, err := s.readFile(f, s.limit(s.from), func(b verified) bool {
		free <- b.buf
		return s.end < start
	}, free)
	if err == nil && s.end > start {
		err = &CorruptionError{File: f.name, Offset: f.offset(start), LSN: start,
			Cause: "no frame begins there", Proof: "the log was to be read from there on"}
	}
	return err
}

// readFile sends the frames of f from end up to the offset limit, in blocks. more is
// set if the frames end exactly at limit and another file follows.
func (s *scanner) readFile(f *file, limit int64, send func(verified) bool, free <-chan []byte) (more bool, err error) {
	off := f.offset(s.end) // file offset of buf[0]
	var rest []byte        // bytes of a frame that began in the block before
	want := int(min(blockBytes, limit-off))
	for {
		buf := block(free, want)
		n := copy(buf, rest)
		m, err := f.ReadAt(buf[n:min(int64(len(buf)), limit-off)], off+int64(n))
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
		}
		n += m
		b := verified{buf: buf}
		used, needs, cause := s.decode(f, buf[:n], off, &b)
		off += int64(used)
		b.done = off
		if !send(b) {
			return false, nil
		}
		switch {
		case off == limit:
			return s.at+1 < len(s.used), nil
		case cause == nil && m > 0 && off+int64(needs) <= limit:
			rest, want = append([]byte(nil), buf[used:n]...), max(blockBytes, needs)
			continue
		case !errors.Is(cause, frame.ErrEmpty) && lastNonzero(buf[used:n]) > 0:
			s.cause = "no valid frame"
		}
		return false, nil
	}
}

// decode collects the whole frames at the start of p, which are f's bytes at off.
// needs is the size of the frame in which it stopped, or 0 if that is not known.
// cause is nil if that frame may be whole once more bytes are read.
func (s *scanner) decode(f *file, p []byte, off int64, b *verified) (used, needs int, cause error) {
	for {
		fr, size, err := frame.Decode(p[used:], s.logID, uint64(s.end))
		if errors.Is(err, frame.ErrShort) {
			return used, max(size, frame.HeaderSize), nil
		}
		if err != nil {
			return used, 0, err
		}
		b.frames = append(b.frames, fr)
		s.synced = max(s.synced, LSN(fr.Synced))
		s.end += LSN(size)
		used += size
	}
}

func block(free <-chan []byte, size int) []byte {
	select {
	case b := <-free:
		if len(b) >= size {
			return b
		}
	default:
	}
	return make([]byte, size)
}
