package segment

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The coders of all segments. They are made on first use and never closed:
// used this way they own no goroutines. A coder works for one caller at a time,
// and others wait, so that these numbers bound the memory.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil,
			// The next level takes half as long again, and of JSON records
			// saves 4 % of the bytes.
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(2),
			zstd.WithWindowSize(1<<20),
			zstd.WithEncoderCRC(false)) // the frame has its own sum
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
