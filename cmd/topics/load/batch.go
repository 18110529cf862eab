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
	offset  uint64 // records of the input before it; the head it goes on top of
	entries []client.Entry
	bytes   int64
	at      int64 // bytes of the file read when it was complete
	last    record
	err     error // the input ended here with this error; entries is empty
}

// batches takes the input over, reads it from record offset on, and sends it
// in batches. After an error the channel yields one batch with the error; it
// is closed at the end or when ctx ends, and so is the input.
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
				// What stands before a bad line in its batch is not sent.
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

// fill reads one batch: up to the given records, and as few bytes above the
// given ones as one record makes. io.EOF comes beside the last batch.
func fill(in *input, offset uint64, records, bytes int) (batch, error) {
	b := batch{offset: offset}
	for len(b.entries) < records && b.bytes < int64(bytes) {
		line, err := in.next()
		if err != nil {
			b.at = in.raw.n
			return b, err
		}
		if b.last, err = parse(line); err != nil {
			return b, in.fault(err)
		}
		b.entries = append(b.entries, client.Entry{Raw: line})
		b.bytes += int64(len(line))
	}
	b.at = in.raw.n
	return b, nil
}
