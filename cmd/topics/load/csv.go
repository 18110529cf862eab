package load

import (
	"encoding/csv"
	"io"

	"github.com/e6e95bb8/topics/cmd/topics/records"
)

// rows are the rows of a CSV file as JSON objects, whose names are in its first
// row and whose values are strings.
type rows struct {
	in    *csv.Reader
	at    int      // line of the last row, from 1
	names [][]byte // quoted; nil before the first row
}

func newRows(r io.Reader) *rows {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	return &rows{in: in, at: 1}
}

// next returns the next row, or io.EOF after the last. The caller owns the
// slice.
func (r *rows) next() ([]byte, error) {
	if r.names == nil {
		first, err := r.in.Read()
		if err != nil {
			return nil, err
		}
		for _, name := range first {
			r.names = append(r.names, records.Quote(name))
		}
	}
	row, err := r.in.Read()
	if err != nil {
		return nil, err
	}
	r.at, _ = r.in.FieldPos(0)
	line := []byte{'{'}
	for i, value := range row {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(append(append(line, r.names[i]...), ':'), records.Quote(value)...)
	}
	return append(line, '}'), nil
}
