package load

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// maxLine is the maximum length of a line, in bytes. It is far above what any
// server accepts, and prevents a file that is not JSON lines from filling the
// memory.
const maxLine = 256 << 20

// input is a stream of lines, one record each. Blank lines are not records.
type input struct {
	name   string
	form   form
	size   int64 // size of the file on disk, in bytes; 0 if unknown
	raw    *counter
	lines  *bufio.Reader // decompressed; nil before the first byte is read
	rows   *rows         // of CSV; else nil
	number int           // number of the last line, from 1
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

// open opens a file, or standard input for "-".
func open(name string, stdin io.Reader, as form) (*input, error) {
	in := &input{name: "standard input", form: as, raw: &counter{r: stdin}, close: func() {}}
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		in.name, in.raw.r, in.close = name, f, func() { f.Close() }
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			in.size = st.Size()
		}
	}
	return in, nil
}

// begin waits for the first bytes, which say how the input is compressed, and
// sets lines and rows.
func (in *input) begin() error {
	if err := in.decompress(); err != nil {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	if in.form.as == "csv" {
		in.rows = newRows(in.lines)
	}
	return nil
}

func (in *input) decompress() error {
	const buffer = 1 << 20
	in.lines = bufio.NewReaderSize(in.raw, buffer)
	begin, err := in.lines.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(begin, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in.lines)
		if err != nil {
			return err
		}
		in.lines = bufio.NewReaderSize(z, buffer)
	case bytes.HasPrefix(begin, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in.lines, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		file := in.close
		in.lines, in.close = bufio.NewReaderSize(z, buffer), func() { z.Close(); file() }
	}
	return nil
}

// next returns the line of the next record, without its end, or io.EOF after
// the last. The caller owns the slice.
func (in *input) next() ([]byte, error) {
	if in.lines == nil {
		if err := in.begin(); err != nil {
			return nil, err
		}
	}
	if in.rows != nil {
		line, err := in.rows.next()
		in.number = in.rows.at
		if err != nil && !errors.Is(err, io.EOF) {
			err = fmt.Errorf("%s: %w", in.name, err)
		}
		return line, err
	}
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
