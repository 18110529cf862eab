package wal

import (
	"bytes"
	"errors"
	"testing"
)

func TestReadHeader(t *testing.T) {
	want := Header{LogID: 9, Index: 3, First: 4096, Size: 8192}
	b := header{logID: 9, index: 3, first: 4096, synced: 4000, size: 8192}.encode()
	name := FileName(3)
	if got, ok, err := ReadHeader(bytes.NewReader(b), name); err != nil || !ok || got != want {
		t.Fatalf("%+v, %v, %v", got, ok, err)
	}
	for _, unused := range [][]byte{nil, make([]byte, 10), make([]byte, 100)} {
		if _, ok, err := ReadHeader(bytes.NewReader(unused), name); ok || err != nil {
			t.Errorf("%d zeros: %v, %v", len(unused), ok, err)
		}
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, ok, err := ReadHeader(bytes.NewReader(bad), name); ok || err == nil {
			t.Errorf("byte %d changed and nobody noticed", i)
		}
	}
	var corrupt *CorruptionError
	if _, _, err := ReadHeader(bytes.NewReader(b), FileName(4)); !errors.As(err, &corrupt) {
		t.Errorf("under another name: %v", err)
	}
}
