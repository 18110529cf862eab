package api

import (
	"io"
	"net/http"
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

// decoded is the request's body behind its Content-Encoding. done gives the
// decoder back.
func decoded(r *http.Request) (src io.Reader, done func(), err error) {
	coding := strings.TrimSpace(strings.Join(r.Header["Content-Encoding"], ", "))
	switch strings.ToLower(coding) {
	case "", "identity":
		return r.Body, func() {}, nil
	case "gzip", "x-gzip":
		z := gzipReaders.Get().(*gzip.Reader)
		if err := z.Reset(r.Body); err != nil {
			gzipReaders.Put(z)
			return nil, nil, invalid("the body is not valid gzip: %s", err)
		}
		return z, func() { gzipReaders.Put(z) }, nil
	case "zstd":
		z := zstdReaders.Get().(*zstd.Decoder)
		done = func() {
			_ = z.Reset(nil) // lets go of the body
			zstdReaders.Put(z)
		}
		if err := z.Reset(r.Body); err != nil {
			done()
			return nil, nil, invalid("the body is not valid zstd: %s", err)
		}
		return z, done, nil
	}
	return nil, nil, unsupportedMedia("Content-Encoding %q is neither gzip nor zstd", coding)
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
