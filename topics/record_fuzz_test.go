package topics

import (
	"bytes"
	"reflect"
	"testing"
)

// FuzzRecord checks that what decodes encodes to the same record, and that the end of a record is found.
func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, &Record{Data: []byte("{}"), Meta: []byte(`{"a":1}`), Node: []byte("n"), Tag: []byte("")}))
	f.Add(appendRecord(nil, &Record{Data: []byte("1"), Tag: []byte("t"), path: []byte{1, 4}}))
	f.Add([]byte{1, 8})
	f.Add([]byte{3, 1, 200, 1})
	f.Fuzz(func(t *testing.T, p []byte) {
		r, rest, err := nextRecord(p)
		if err != nil {
			return
		}
		p2 := appendRecord(nil, &r)
		again, more, err := nextRecord(append(p2, rest...))
		if err != nil || !bytes.Equal(more, rest) || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v and %d bytes, %v, want %+v and %d bytes", again, len(more), err, r, len(rest))
		}
		if c := r.clone(); !reflect.DeepEqual(c, r) {
			t.Fatalf("cloned %+v, want %+v", c, r)
		}
	})
}
