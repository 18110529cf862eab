package wal

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzHeader decodes any bytes: whatever is accepted is a header that encode makes.
func FuzzHeader(f *testing.F) {
	h := header{logID: 7, index: 1, first: 0, synced: 0, size: 1 << 20}
	f.Add(h.encode())
	f.Add(h.encode()[:40])
	f.Add(make([]byte, HeaderSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok, err := decodeHeader(b, FileName(1))
		if ok && err != nil {
			t.Fatalf("both a header and %v", err)
		}
		if got := h.encode(); ok && !(bytes.Equal(got[:12], b[:12]) && bytes.Equal(got[16:56], b[16:56])) {
			t.Fatalf("%x is taken for %x", b, got)
		}
	})
}

// FuzzReplay opens a log of one file of any bytes: it is replayed and opened,
// or refused by name, and never takes the program down.
func FuzzReplay(f *testing.F) {
	h := header{logID: 1, index: 1, size: 256}
	whole := append(h.encode(), seal(1, 0, 0, []byte("first"))...)
	whole = append(whole, seal(1, 40, 40, nil)...)
	f.Add(append(whole, make([]byte, 120)...))
	f.Add(whole)
	f.Add(append(whole[:100:100], 0xff))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		o := options(image{FileName(1): b}.mount(t), ".")
		o.Manual, o.LogID = true, 1
		for i, start := range []LSN{0, 0, 0, 40, 40, 40, 1 << 63} {
			o.Start, o.Tail = start, TailKind(i%3)
			frames, end, refused := runAll(o)
			got, err := salvageAll(o)
			switch {
			case err != nil && refused == nil:
				t.Fatalf("from %d, kind %d: salvage: %v", start, o.Tail, err)
			case refused == nil:
				check(t, salvagesSame(o, frames, end))
			case err == nil && len(got.damages) == 0:
				t.Fatalf("from %d, kind %d: no damage, and yet %v", start, o.Tail, refused)
			}
		}
		o.Start, o.Tail = 0, TailKill
		l, err := recovered(o)
		var corrupt *CorruptionError
		var version *VersionError
		switch {
		case err == nil:
			check(t, l.Close())
		case !errors.As(err, &corrupt) && !errors.As(err, &version):
			t.Fatal(err)
		}
	})
}

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
			t.Errorf("byte %d changed without an error", i)
		}
	}
	var corrupt *CorruptionError
	if _, _, err := ReadHeader(bytes.NewReader(b), FileName(4)); !errors.As(err, &corrupt) {
		t.Errorf("under another name: %v", err)
	}
}
