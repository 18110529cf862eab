package api

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
	// smallest answer that is worth compressing: below, the headers that say
	// so cost what is saved.
	minCompress = 1 << 10
	// maxWindow is the zstd window both ways: what every decoder must take
	// (RFC 8878), and what a hostile frame can make this one allocate.
	maxWindow = 8 << 20
)

// decoded is a request's body without its Content-Encoding. done gives the
// decoder back.
func (s *Server) decoded(c *call, in *incoming) (src io.Reader, done func(), err error) {
	coding := strings.TrimSpace(strings.Join(c.r.Header["Content-Encoding"], ", "))
	switch strings.ToLower(coding) {
	case "", "identity":
		return in, func() {}, nil
	case "gzip", "x-gzip":
		if err := in.need(gzipMemory); err != nil {
			return nil, nil, err
		}
		z := gzipReaders.Get().(*gzip.Reader)
		done = func() {
			gzipReaders.Put(z)
			s.memory.giveBack(c, gzipMemory)
		}
		if err := z.Reset(in); err != nil {
			done()
			return nil, nil, fmt.Errorf("it is not valid gzip: %w", err)
		}
		return z, done, nil
	case "zstd":
		z := zstdReaders.Get().(*zstd.Decoder)
		frames := &zstdFrames{src: bufio.NewReaderSize(in, zstdBuffer), in: in, limit: s.opts.Limits.MaxBodyBytes}
		done = func() {
			_ = z.Reset(nil) // lets go of the body
			if frames.window <= keepWindow {
				zstdReaders.Put(z)
			} else {
				z.Close()
			}
			s.memory.giveBack(c, frames.window)
		}
		if err := z.Reset(frames); err != nil {
			done()
			return nil, nil, fmt.Errorf("it is not valid zstd: %w", err)
		}
		return z, done, nil
	}
	return nil, nil, unsupportedMedia("Content-Encoding %q is neither gzip nor zstd", coding)
}

const (
	// gzipMemory is about what a gzip reader holds.
	gzipMemory = 48 << 10
	// zstdBlocks is about what a zstd decoder holds beside its window.
	zstdBlocks = 512 << 10
	// zstdBuffer is for looking at a frame before the decoder does.
	zstdBuffer = 4 << 10
	// keepWindow is the largest window of a decoder that goes back to the pool.
	keepWindow = 1<<20 + zstdBlocks
)

// zstdFrames passes the frames of a zstd body on to the decoder, which makes
// room for all of a frame's window at its header: before it sees that, the
// memory for the window is taken.
type zstdFrames struct {
	src    *bufio.Reader
	in     *incoming
	limit  int64 // of what is decoded
	window int64 // taken, for the largest frame so far

	left   int64 // bytes up to the next header of a frame or block
	blocks bool  // a block's is next
	sum    bool  // a checksum stands after the frame's last block
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

// next looks at the header that is next. What is not one is the decoder's to
// refuse.
func (z *zstdFrames) next() error {
	z.left = math.MaxInt64
	if z.blocks {
		b, err := z.src.Peek(3)
		if err != nil {
			return nil // the decoder comes upon it, too
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
			return payloadTooLarge(z.limit)
		}
	}
	if window > maxWindow {
		return nil // the decoder refuses it
	}
	more := int64(window) + zstdBlocks - z.window
	if err := z.in.need(more); err != nil {
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

// encode makes the answer what goes out: compressed when the client asks for
// it, it is worth it, and there is memory for it. What it returns may alias the
// call's buffers, and is valid until the call is recycled.
func (s *Server) encode(c *call) []byte {
	h := c.Header()
	size := len(c.out)
	if c.static != nil {
		size = len(c.static.plain)
	}
	coding := ""
	if size >= minCompress {
		h["Vary"] = append(h["Vary"], "Accept-Encoding")
		coding = chooseCoding(c.r.Header["Accept-Encoding"])
	}
	if c.static == nil && coding != "" && s.memory.take(c, beyondFirst(size)) != nil {
		coding = ""
	}
	if coding != "" {
		h["Content-Encoding"] = []string{coding}
	}
	if c.static != nil {
		return c.static.in(coding)
	}
	if coding == "" {
		return c.out
	}
	c.pack(coding)
	c.out = keep(c.out, keepBuffer)
	_ = s.memory.cover(c) // what the compressed form does not take goes back; what it takes beyond is little
	return c.packed
}

// pack compresses out into packed.
func (c *call) pack(coding string) {
	c.packed = c.packed[:0]
	switch coding {
	case "gzip":
		z := gzipWriters.Get().(*gzip.Writer)
		z.Reset(&c.packed)
		_, _ = z.Write(c.out) // into memory: it cannot fail
		_ = z.Close()
		gzipWriters.Put(z)
	case "zstd":
		c.packed = zstdWriter().EncodeAll(c.out, c.packed)
	}
}

// sliceWriter is a slice to write to.
type sliceWriter []byte

func (w *sliceWriter) Write(b []byte) (int, error) {
	*w = append(*w, b...)
	return len(b), nil
}

// chooseCoding picks the content coding that an Accept-Encoding header wants
// most, zstd before gzip at a tie. Empty: none, because nothing was asked for.
func chooseCoding(header []string) string {
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
