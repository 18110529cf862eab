package wal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/e6e95bb8/topics/wal/frame"
)

const (
	// sampleBytes is how much of each stretch of the log a sample reads. A frame
	// of at least that size is large: a sample may miss its header.
	sampleBytes = 16 << 10
	// stretchBytes is the usual length of a stretch. A short log has shorter
	// ones, and a long log longer ones.
	stretchBytes    = 1 << 20
	fewestStretches = 16
	mostStretches   = 128
	sampledPart     = 4 // at most a quarter of a log is sampled
	// backBytes is how much is read at a time to find the header of a large
	// frame. In all, 1/backPart of the log is read for that, within leastBack
	// and mostBack.
	backBytes = 64 << 10
	backPart  = 8
	leastBack = 2 << 20
	mostBack  = 32 << 20
	// headBytes is how much of a frame a sample needs.
	headBytes = frame.HeaderSize + 64

	zeroBlock int64 = 4 << 10
)

// Amount is an amount of log, in the units that take time to replay.
type Amount struct {
	Bytes   int64
	Frames  int64
	Records int64
	Rest    int64 // bytes after the frames, which are searched
}

// Forecast is an estimate of the work of Run, from samples of the log. It is only
// for showing progress: corruption makes it wrong, and nothing else may rely on it.
type Forecast struct {
	Total     Amount
	stretches []stretch // one after the other, each of Total.Bytes / their number
}

// stretch is a part of the log: its average number of frames and of records per
// byte.
type stretch struct{ frames, records float64 }

// Left returns how much is left after the first done bytes, as Run counts them.
func (f *Forecast) Left(done int64) Amount {
	left := Amount{Bytes: max(f.Total.Bytes-done, 0), Rest: f.Total.Rest - max(min(done-f.Total.Bytes, f.Total.Rest), 0)}
	each := float64(f.Total.Bytes) / float64(max(len(f.stretches), 1))
	var frames, records float64
	for i, s := range f.stretches {
		if n := min(float64(i+1)*each-float64(done), each); n > 0 {
			frames += n * s.frames
			records += n * s.records
		}
	}
	left.Frames, left.Records = int64(frames), int64(records)
	return left
}

// Forecast samples the log. It calls records for the number of records of a frame,
// of which only the first bytes of the payload are there, and no End. A failed read
// is an error, as it would be in Run, and closes the files.
func (r *Replay) Forecast(records func(Frame) int) (*Forecast, error) {
	f := &Forecast{Total: Amount{Rest: r.rest}}
	if r.refused != nil || len(r.used) == 0 {
		return f, nil
	}
	s := sampler{Replay: r, records: records, buf: make([]byte, backBytes+headBytes)}
	zeros := r.used[len(r.used)-1].size - s.end()
	f.Total.Bytes, f.Total.Rest = max(r.total-zeros, 0), r.rest+zeros
	s.back = min(max(f.Total.Bytes/backPart, leastBack), mostBack)
	n := max(min(f.Total.Bytes/stretchBytes, mostStretches), fewestStretches)
	n = min(n, f.Total.Bytes/(sampledPart*sampleBytes)+1)
	each := f.Total.Bytes / n
	unknown := map[int]*spot{} // the stretches whose samples are inside of large frames
	for i := range n {
		// The place in the stretch changes by the golden ratio, so that a log
		// that repeats itself is not always sampled in the same place.
		turn := (uint64(i) * golden) >> 32
		room := uint64(max(each-sampleBytes, 0))
		avg, inside := s.look(i*each+int64(turn*room>>32), min(each, sampleBytes))
		if inside != nil {
			unknown[int(i)] = inside
		}
		f.stretches = append(f.stretches, avg)
	}
	s.estimate(f.stretches, unknown)
	if s.err != nil {
		r.close()
		return nil, s.err
	}
	f.Total = f.Left(0)
	return f, nil
}

// golden is 2^64 divided by the golden ratio: any number of its multiples are spread
// evenly.
const golden = 0x9e3779b97f4a7c15

// estimate fills in the unknown stretches: each by the frame that its sample is
// inside of, as long as finding that is cheap enough, and the others by the average
// of those.
func (s *sampler) estimate(stretches []stretch, unknown map[int]*spot) {
	order := slices.SortedFunc(maps.Keys(unknown), func(a, b int) int { return cmp.Compare(uint64(a)*golden, uint64(b)*golden) })
	var sum stretch
	known := 0.0
	for _, i := range order {
		if avg, ok := s.around(unknown[i]); ok {
			stretches[i] = avg
			sum.frames, sum.records, known = sum.frames+avg.frames, sum.records+avg.records, known+1
			delete(unknown, i)
		}
	}
	for i := range unknown {
		stretches[i] = stretch{sum.frames / max(known, 1), sum.records / max(known, 1)}
	}
}

// sampler reads samples of a log.
type sampler struct {
	*Replay
	records func(Frame) int
	buf     []byte
	back    int64 // how many more bytes may be read to find headers
	err     error // of the first read that failed
}

// end returns about where the last file's bytes that are not zero end. A block of
// zeros in the middle may mislead it.
func (s *sampler) end() int64 {
	f := s.used[len(s.used)-1]
	lo, hi := int64(HeaderSize), f.size
	if len(s.used)-1 == s.from {
		lo = f.offset(s.begin)
	}
	for hi-lo > zeroBlock {
		mid := lo + (hi-lo)/2
		p := s.read(f, mid, zeroBlock)
		if lastNonzero(p) == 0 {
			hi = mid
		} else {
			lo = mid + zeroBlock
		}
	}
	return lo + int64(lastNonzero(s.read(f, lo, hi-lo)))
}

// read reads up to n bytes at off. It reads nothing after a read has failed.
func (s *sampler) read(f *file, off, n int64) []byte {
	if s.err != nil {
		return nil
	}
	m, err := f.ReadAt(s.buf[:max(min(n, f.size-off, int64(len(s.buf))), 0)], off)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
		return nil
	}
	return s.buf[:m]
}

// look takes a sample of that many bytes, pos bytes after the point where reading
// begins. A sample without a header is inside of a large frame and has no average.
func (s *sampler) look(pos, bytes int64) (avg stretch, inside *spot) {
	f, off, limit := s.find(pos)
	p := s.read(f, off, min(bytes+headBytes, limit-off))
	if bytes = min(bytes, int64(len(p))); bytes == 0 {
		return avg, nil
	}
	seen := false
	for at := int64(0); at < bytes; {
		h, ok := s.head(f, off+at, p[at:])
		if !ok {
			at += frame.Align
			continue
		}
		seen = true
		// A frame counts where it begins. A large one counts by its bytes
		// instead, and double: it ends in a sample as often as it begins in
		// one, and the bytes before its end do not show whose they are.
		n := 1.0
		if h.Bytes >= sampleBytes {
			n = 2 * float64(bytes-at) / float64(h.Bytes)
		}
		avg.frames += n / float64(bytes)
		avg.records += n * float64(h.Records) / float64(bytes)
		at += h.Bytes
	}
	if !seen {
		return avg, &spot{f, off}
	}
	return avg, nil
}

// spot is a byte of a file.
type spot struct {
	*file
	off int64
}

// find returns the file and offset that are pos bytes after the point where reading
// begins, and the offset where the frames of that file end at the latest.
func (s *sampler) find(pos int64) (f *file, off, limit int64) {
	i := s.from
	off = pos + s.used[i].offset(s.begin)
	for i+1 < len(s.used) && off >= s.limit(i) {
		off -= s.limit(i)
		i++
	}
	return s.used[i], max(off, HeaderSize) &^ (frame.Align - 1), s.limit(i)
}

// around finds the frame that a spot is inside of. It searches backwards for one
// that reaches the spot.
func (s *sampler) around(in *spot) (avg stretch, ok bool) {
	for to := in.off; to > HeaderSize && s.back > 0; to -= backBytes {
		from := max(to-backBytes, HeaderSize)
		s.back -= to - from
		p := s.read(in.file, from, to-from+headBytes)
		for at := from; at < to && at-from < int64(len(p)); {
			h, ok := s.head(in.file, at, p[at-from:])
			switch {
			case !ok:
				at += frame.Align
			case at+h.Bytes > in.off:
				return stretch{1 / float64(h.Bytes), float64(h.Records) / float64(h.Bytes)}, true
			default:
				at += h.Bytes
			}
		}
	}
	return avg, false
}

// head decodes p, the bytes at that offset of f, as the header of a frame. ok is
// false if the position in it does not fit; the checksum is not verified.
func (s *sampler) head(f *file, off int64, p []byte) (a Amount, ok bool) {
	lsn := f.first + LSN(off-HeaderSize)
	if len(p) < frame.HeaderSize || LSN(frame.LSN(p)) != lsn {
		return a, false
	}
	size, ok := frame.Claimed(p)
	if !ok || frame.Type(p) == 0 || p[5]|p[6]|p[7] != 0 {
		return a, false
	}
	a = Amount{Bytes: int64(size), Frames: 1}
	if typ := frame.Type(p); typ != typeMarker {
		payload := p[frame.HeaderSize:]
		payload = payload[:min(len(payload), frame.PayloadSize(p))]
		a.Records = int64(s.records(Frame{Type: typ, LSN: lsn, Payload: payload}))
	}
	return a, true
}
