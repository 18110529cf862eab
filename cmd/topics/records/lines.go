package records

import (
	"bufio"
	"context"
	"io"
)

// Limits of a line and of a write, in bytes and records.
const (
	maxLine    = 256 << 20
	batchBytes = 4 << 20
	batchLines = 1000
)

// line is a line of the input without its end.
type line struct {
	text   []byte
	number int
	err    error // io.EOF after the last line; text is nil
}

// readLines reads lines ahead until the end, an error or the end of ctx. Empty
// lines are not records.
func readLines(ctx context.Context, in io.Reader) <-chan line {
	out := make(chan line, batchLines)
	send := func(l line) bool {
		select {
		case out <- l:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		s := bufio.NewScanner(in)
		s.Buffer(nil, maxLine)
		number := 0
		for s.Scan() {
			number++
			if len(s.Bytes()) > 0 && !send(line{text: append([]byte(nil), s.Bytes()...), number: number}) {
				return
			}
		}
		err := s.Err()
		if err == nil {
			err = io.EOF
		}
		send(line{err: err})
	}()
	return out
}

// nextBatch waits for a line and returns it with those that have arrived, as
// many as one write takes. With an error it returns the lines before it.
func nextBatch(ctx context.Context, lines <-chan line) (batch []line, err error) {
	bytes := 0
	for {
		var l line
		if len(batch) == 0 {
			select {
			case l = <-lines:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		} else {
			select {
			case l = <-lines:
			default:
				return batch, nil
			}
		}
		if l.err != nil {
			return batch, l.err
		}
		batch = append(batch, l)
		bytes += len(l.text)
		if len(batch) == batchLines || bytes >= batchBytes {
			return batch, nil
		}
	}
}
