package wire

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Static is a body that is the same for every client. All calls share its
// bytes: it is compressed once for each coding and never copied.
type Static struct {
	plain []byte
	gzip  func() []byte
	zstd  func() []byte
}

// NewStatic returns the static body of a document, which must not be changed.
func NewStatic(document []byte) *Static {
	return &Static{
		plain: document,
		gzip:  sync.OnceValue(func() []byte { return gzipOnce(document) }),
		zstd:  sync.OnceValue(func() []byte { return zstdWriter().EncodeAll(document, nil) }),
	}
}

// Len returns the length of the plain document.
func (d *Static) Len() int { return len(d.plain) }

// In returns the document in a content coding. An empty coding is none.
func (d *Static) In(coding string) []byte {
	switch coding {
	case "gzip":
		return d.gzip()
	case "zstd":
		return d.zstd()
	}
	return d.plain
}

// gzipOnce compresses a document as well as gzip can.
func gzipOnce(document []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = z.Write(document) // into memory: it cannot fail
	_ = z.Close()
	return b.Bytes()
}
