package load

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// maxLine is the maximum length of a line, in bytes. It is far above what any
// server accepts, and prevents a file that is not JSON lines from filling the
// memory.
const maxLine = 256 << 20

// input is a stream of JSON lines, one record each. Blank lines are not
// records.
type input struct {
	name   string
	size   int64 // size of the file on disk, in bytes; 0 if unknown
	raw    *counter
	lines  *bufio.Reader
	number int // number of the last line, from 1
	close  func()
}

// counter counts the bytes of the file as they are read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// open opens a file, or standard input for "-". It decompresses files whose
// names end in .gz or .zst.
func open(name string, stdin io.Reader) (*input, error) {
	if name == "-" {
		c := &counter{r: stdin}
		return &input{name: "standard input", raw: c, lines: bufio.NewReaderSize(c, 1<<20), close: func() {}}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	in := &input{name: name, raw: &counter{r: f}, close: func() { f.Close() }}
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		in.size = st.Size()
	}
	var r io.Reader = in.raw
	switch {
	case strings.HasSuffix(name, ".gz"):
		r, err = gzip.NewReader(r)
	case strings.HasSuffix(name, ".zst"):
		var z *zstd.Decoder
		z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err == nil {
			r, in.close = z, func() { z.Close(); f.Close() }
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	in.lines = bufio.NewReaderSize(r, 1<<20)
	return in, nil
}

// next returns the line of the next record, without its end, or io.EOF after
// the last. The caller owns the slice.
func (in *input) next() ([]byte, error) {
	for {
		line, err := in.readLine()
		if line = bytes.TrimSpace(line); len(line) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// readLine returns the next line in a new slice. If the last line has no
// newline, it is returned together with io.EOF.
func (in *input) readLine() ([]byte, error) {
	in.number++
	var line []byte
	for {
		part, err := in.lines.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, in.fault(fmt.Errorf("is longer than %d bytes", maxLine))
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s: %w", in.name, err)
		}
		return line, err
	}
}

// fault returns err with the place of the last line.
func (in *input) fault(err error) error {
	return fmt.Errorf("%s: line %d %w", in.name, in.number, err)
}

// record is a parsed line, for checking and comparing; the line itself is sent.
// Absent parts are nil.
type record struct {
	data, meta json.RawMessage
	tag, node  *string
}

// parse checks that a line is a record in the form of the write body. Names in
// it are case-sensitive, which encoding/json respects only for maps.
func parse(line []byte) (r record, err error) {
	if !utf8.Valid(line) {
		return r, errors.New("is not UTF-8")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil || fields == nil {
		return r, fmt.Errorf("is not a JSON object: %w", orNull(err))
	}
	data, ok := fields["data"]
	if !ok {
		return r, errors.New(`has no "data"`)
	}
	r.data = data
	if meta, ok := fields["meta"]; ok && string(meta) != "null" {
		if meta[0] != '{' {
			return r, errors.New(`has a "meta" that is not an object`)
		}
		r.meta = meta
	}
	for name, dst := range map[string]**string{"tag": &r.tag, "node": &r.node} {
		if text, ok := fields[name]; ok {
			if err := json.Unmarshal(text, dst); err != nil {
				return r, fmt.Errorf("has a %q that is not a string", name)
			}
		}
	}
	return r, nil
}

func orNull(err error) error {
	if err == nil {
		return errors.New("it is null")
	}
	return err
}
