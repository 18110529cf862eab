package record

import (
	"bytes"
	"reflect"
	"testing"
)

// FuzzRecord checks that what decodes encodes to the same record, and that the end of a record is found.
func FuzzRecord(f *testing.F) {
	f.Add(AppendRecord(nil, &Record{Data: []byte("{}"), Meta: []byte(`{"a":1}`), Node: []byte("n"), Tag: []byte("")}))
	f.Add(AppendRecord(nil, &Record{Data: []byte("1"), Tag: []byte("t"), Path: []byte{1, 4}}))
	f.Add([]byte{1, 8})
	f.Add([]byte{3, 1, 200, 1})
	f.Fuzz(func(t *testing.T, p []byte) {
		r, rest, err := NextRecord(p)
		if err != nil {
			return
		}
		p2 := AppendRecord(nil, &r)
		again, more, err := NextRecord(append(p2, rest...))
		if err != nil || !bytes.Equal(more, rest) || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v and %d bytes, %v, want %+v and %d bytes", again, len(more), err, r, len(rest))
		}
		if c := r.Clone(); !reflect.DeepEqual(c, r) {
			t.Fatalf("cloned %+v, want %+v", c, r)
		}
	})
}
