package segment

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The coders of all segments. They are made on first use and never closed: used
// this way they have no goroutines. Their concurrency limits, beyond which
// callers wait, bound the memory.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil,
			// The next level takes half as long again, and saves 4 % of the bytes of
			// JSON records.
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(2),
			zstd.WithWindowSize(1<<20),
			zstd.WithEncoderCRC(false)) // the frame has a checksum
		if err != nil {
			panic(err) // the options are constant
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(0), // one for each processor
			zstd.WithDecoderMaxMemory(maxRaw),
			zstd.WithDecodeAllCapLimit(true)) // never more than the header said
		if err != nil {
			panic(err) // the options are constant
		}
		return d
	})
)
