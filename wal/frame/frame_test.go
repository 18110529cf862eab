package frame

import (
	"bytes"
	"errors"
	"testing"
)

func seal(typ byte, logID, lsn, synced uint64, payload []byte) []byte {
	buf := make([]byte, Size(len(payload)))
	copy(buf[HeaderSize:], payload)
	Seal(buf, typ, logID, lsn, synced, len(payload))
	return buf
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 4095, 70_000} {
		payload := bytes.Repeat([]byte{0xa5}, n)
		buf := seal(3, 77, 4096, 1024, payload)
		if len(buf)%Align != 0 {
			t.Fatalf("payload %d: frame of %d bytes is not aligned", n, len(buf))
		}
		f, size, err := Decode(append(buf, 1, 2, 3), 77, 4096)
		if err != nil || size != len(buf) {
			t.Fatalf("payload %d: size %d, err %v", n, size, err)
		}
		if f.Type != 3 || f.LSN != 4096 || f.Synced != 1024 || !bytes.Equal(f.Payload, payload) {
			t.Fatalf("payload %d: decoded %+v", n, f)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := seal(1, 7, 64, 32, []byte("hello, frame"))
	if _, _, err := Decode(make([]byte, 64), 7, 64); !errors.Is(err, ErrEmpty) {
		t.Errorf("zeros: %v", err)
	}
	for cut := range good {
		if _, _, err := Decode(good[:cut], 7, 64); !errors.Is(err, ErrShort) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if _, _, err := Decode(good, 8, 64); !errors.Is(err, ErrBad) {
		t.Errorf("another log's frame: %v", err)
	}
	if _, _, err := Decode(good, 7, 72); !errors.Is(err, ErrBad) {
		t.Errorf("misplaced frame: %v", err)
	}
	for i := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		if _, _, err := Decode(bad, 7, 64); err == nil {
			t.Errorf("bit %d flipped without an error", i)
		}
	}
}

// FuzzDecode holds that no bytes panic the decoder, and that whatever it
// accepts is exactly what Seal would have written.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{}, uint64(7), uint64(64))
	f.Add(make([]byte, HeaderSize), uint64(7), uint64(64))
	f.Add(seal(1, 7, 64, 32, []byte("hello, frame")), uint64(7), uint64(64))
	f.Add(seal(255, 0, 0, 0, nil), uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, logID, lsn uint64) {
		fr, size, err := Decode(b, logID, lsn)
		if err != nil {
			return
		}
		if size > len(b) || fr.LSN != lsn {
			t.Fatalf("size %d of %d, lsn %d want %d", size, len(b), fr.LSN, lsn)
		}
		if again := seal(fr.Type, logID, lsn, fr.Synced, fr.Payload); !bytes.Equal(again, b[:size]) {
			t.Fatalf("accepted %x, which Seal writes as %x", b[:size], again)
		}
	})
}

func BenchmarkSeal25K(b *testing.B) {
	buf := make([]byte, Size(25_000))
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		Seal(buf, 1, 7, 64, 32, 25_000)
	}
}
