package wire

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// MinCompress is the smallest answer worth compressing: below it, the
	// headers cost what is saved.
	MinCompress = 1 << 10
	// maxWindow bounds the zstd window both ways: every decoder must take as
	// much (RFC 8878), and a hostile frame can make this one allocate it.
	maxWindow = 8 << 20
)

// source is a request's body as it arrives, with the memory that may be used
// for decoding it.
type source interface {
	io.Reader
	// Need takes n bytes of memory, or returns the error to answer with.
	Need(n int64) error
	// GiveBack returns n bytes.
	GiveBack(n int64)
}

// Decode returns a body, of at most limit bytes, without its content coding.
// The caller calls done when it has read it.
func Decode(coding string, in source, limit int64) (src io.Reader, done func(), err error) {
	switch strings.ToLower(coding) {
	case "", "identity":
		return in, func() {}, nil
	case "gzip", "x-gzip":
		return decodeGzip(in)
	case "zstd":
		return decodeZstd(in, limit)
	}
	return nil, nil, UnsupportedMedia("Content-Encoding %q is neither gzip nor zstd", coding)
}

func decodeGzip(in source) (src io.Reader, done func(), err error) {
	if err := in.Need(gzipMemory); err != nil {
		return nil, nil, err
	}
	z := gzipReaders.Get().(*gzip.Reader)
	done = func() {
		gzipReaders.Put(z)
		in.GiveBack(gzipMemory)
	}
	if err := z.Reset(in); err != nil {
		done()
		return nil, nil, fmt.Errorf("it is not valid gzip: %w", err)
	}
	return z, done, nil
}

func decodeZstd(in source, limit int64) (src io.Reader, done func(), err error) {
	z := zstdReaders.Get().(*zstd.Decoder)
	frames := &zstdFrames{src: bufio.NewReaderSize(in, zstdBuffer), in: in, limit: limit}
	done = func() {
		_ = z.Reset(nil) // drops the reference to the body
		if frames.window <= keepWindow {
			zstdReaders.Put(z)
		} else {
			z.Close()
		}
		in.GiveBack(frames.window)
	}
	if err := z.Reset(frames); err != nil {
		done()
		return nil, nil, fmt.Errorf("it is not valid zstd: %w", err)
	}
	return z, done, nil
}

const (
	// gzipMemory is about what a gzip reader holds.
	gzipMemory = 48 << 10
	// zstdBlocks is about what a zstd decoder holds besides its window.
	zstdBlocks = 512 << 10
	// zstdBuffer is for looking at a frame before the decoder does.
	zstdBuffer = 4 << 10
	// keepWindow is the largest window of a decoder that goes back to the pool.
	keepWindow = 1<<20 + zstdBlocks
)

// zstdFrames passes the frames of a zstd body to the decoder. The decoder
// allocates all of a frame's window when it has read the frame's header, so
// zstdFrames takes the memory for the window before it passes the header on.
type zstdFrames struct {
	src    *bufio.Reader
	in     source
	limit  int64 // of what is decoded
	window int64 // taken, for the largest frame so far

	left   int64 // bytes up to the next header of a frame or block
	blocks bool  // a block's is next
	sum    bool  // the frame ends with a checksum
}

// Read implements io.Reader.
func (z *zstdFrames) Read(p []byte) (int, error) {
	if z.left == 0 {
		if err := z.next(); err != nil {
			return 0, err
		}
	}
	n, err := z.src.Read(p[:min(int64(len(p)), z.left)])
	z.left -= int64(n)
	return n, err
}

// next reads the next header. It leaves it to the decoder to refuse what is not
// one.
func (z *zstdFrames) next() error {
	z.left = math.MaxInt64
	if z.blocks {
		b, err := z.src.Peek(3)
		if err != nil {
			return nil // the decoder gets the same error
		}
		head := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		size := head >> 3
		if head>>1&3 == 1 {
			size = 1 // one byte, repeated
		}
		z.left = 3 + size
		if head&1 == 1 {
			z.blocks = false
			if z.sum {
				z.left += 4
			}
		}
		return nil
	}
	b, _ := z.src.Peek(zstd.HeaderMaxSize) // a short frame may end before
	var h zstd.Header
	if h.Decode(b) != nil {
		return nil
	}
	z.left = int64(h.HeaderSize)
	if h.Skippable {
		z.left += int64(h.SkippableSize)
		return nil
	}
	z.blocks, z.sum = true, h.HasCheckSum
	window := h.WindowSize
	if h.SingleSegment {
		window = h.FrameContentSize
		if window > uint64(z.limit) {
			return PayloadTooLarge(z.limit)
		}
	}
	if window > maxWindow {
		return nil // the decoder refuses it
	}
	more := int64(window) + zstdBlocks - z.window
	if err := z.in.Need(more); err != nil {
		return err
	}
	z.window = max(z.window, z.window+more)
	return nil
}

var (
	gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}
	gzipWriters = sync.Pool{New: func() any {
		z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil {
			panic(err) // the level is a constant
		}
		return z
	}}
	zstdReaders = sync.Pool{New: func() any {
		// One block at a time in the caller's goroutine: no decoder
		// goroutines to leave behind in the pool.
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic(err) // the options are constants
		}
		return z
	}}
	// zstdWriter's EncodeAll is safe for concurrent use; it keeps one encoder
	// for each processor.
	zstdWriter = sync.OnceValue(func() *zstd.Encoder {
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // the options are constants
		}
		return z
	})
)

// Packed is a compressed body, and a slice to write to.
type Packed []byte

// Write implements io.Writer.
func (p *Packed) Write(b []byte) (int, error) {
	*p = append(*p, b...)
	return len(b), nil
}

// Compress replaces the body with plain in a content coding.
func (p *Packed) Compress(plain []byte, coding string) {
	*p = (*p)[:0]
	switch coding {
	case "gzip":
		z := gzipWriters.Get().(*gzip.Writer)
		z.Reset(p)
		_, _ = z.Write(plain) // into memory: it cannot fail
		_ = z.Close()
		gzipWriters.Put(z)
	case "zstd":
		*p = zstdWriter().EncodeAll(plain, *p)
	}
}

// ChooseCoding picks the content coding that an Accept-Encoding header wants
// most, zstd before gzip at a tie. It returns an empty string if the client asks
// for none.
func ChooseCoding(header []string) string {
	if len(header) == 0 {
		return ""
	}
	rest := strings.Join(header, ",")
	gzipQ, zstdQ, anyQ := -1, -1, 0
	for rest != "" {
		var element string
		element, rest, _ = strings.Cut(rest, ",")
		name, weight, weighted := strings.Cut(element, ";")
		q := 1000
		if weighted {
			_, v, _ := strings.Cut(weight, "=")
			var ok bool
			if q, ok = parseQuality(strings.TrimSpace(v)); !ok {
				continue
			}
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			gzipQ = q
		case "zstd":
			zstdQ = q
		case "*":
			anyQ = q
		}
	}
	if gzipQ < 0 { // "*" is every coding not named; gzip is the one all know
		gzipQ = anyQ
	}
	switch {
	case zstdQ > 0 && zstdQ >= gzipQ:
		return "zstd"
	case gzipQ > 0:
		return "gzip"
	}
	return ""
}
