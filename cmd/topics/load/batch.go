package load

import (
	"context"
	"errors"
	"io"

	"github.com/e6e95bb8/topics/api/client"
)

// readAhead is how many batches are read and checked while one is being sent.
const readAhead = 2

// batch is one write.
type batch struct {
	offset  uint64 // records before it in the input; also the head that it expects
	entries []client.Entry
	bytes   int64
	at      int64 // bytes of the file that were read when it was complete
	last    record
	err     error // reading the input failed here; entries is empty
}

// batches reads the input from record offset on, and sends it in batches. On an
// error the channel yields one batch with the error. The channel and the input,
// which batches owns, are closed at the end or when ctx is done.
func batches(ctx context.Context, in *input, offset uint64, records, bytes int) <-chan batch {
	out := make(chan batch, readAhead)
	send := func(b batch) bool {
		select {
		case out <- b:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(out)
		defer in.close()
		for {
			b, err := fill(in, offset, records, bytes)
			if err != nil && !errors.Is(err, io.EOF) {
				// Lines before a bad line in the same batch are not sent.
				send(batch{err: err})
				return
			}
			if len(b.entries) > 0 && !send(b) || err != nil {
				return
			}
			offset += uint64(len(b.entries))
		}
	}()
	return out
}

// fill reads one batch: up to records, and until it has at least bytes. With
// the last batch it returns io.EOF.
func fill(in *input, offset uint64, records, bytes int) (batch, error) {
	b := batch{offset: offset}
	for len(b.entries) < records && b.bytes < int64(bytes) {
		line, err := in.next()
		if err != nil {
			b.at = in.raw.n
			return b, err
		}
		if b.last, err = in.form.parse(line); err != nil {
			return b, in.fault(err)
		}
		b.entries = append(b.entries, b.last.entry())
		b.bytes += int64(len(line))
	}
	b.at = in.raw.n
	return b, nil
}
