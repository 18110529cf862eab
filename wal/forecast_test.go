package wal

import (
	"bytes"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// A forecast serves only to show progress: whatever stands in the files, it
// neither fails nor changes what Run then finds.
func TestForecastOfDamage(t *testing.T) {
	s := newSample(t)
	for name, b := range s.image {
		for _, at := range []int{HeaderSize, HeaderSize + 8, len(b) / 2, len(b) - 8} {
			for _, with := range []byte{0x00, 0xff} {
				m := s.clone()
				copy(m[name][at:], bytes.Repeat([]byte{with}, 40))
				o := s.opts
				o.FS = m.mount(t)
				r, err := Inspect(o)
				if err != nil {
					continue
				}
				f, err := r.Forecast(func(Frame) int { return 1 })
				check(t, err)
				if f.Total.Bytes < 0 || f.Total.Bytes > r.Size() || f.Total.Frames < 0 {
					t.Errorf("%s with %#x at %d: %+v of %d bytes", name, with, at, f.Total, r.Size())
				}
				if left := f.Left(r.Size()); left != (Amount{}) {
					t.Errorf("%s with %#x at %d: %+v left of what was read", name, with, at, left)
				}
				r.close()
			}
		}
	}
}

// The zeros after the last frame are no work.
func TestForecastLeavesZerosOut(t *testing.T) {
	s := newSample(t)
	r, err := Open(s.opts)
	check(t, err)
	defer r.close()
	f, err := r.Forecast(func(Frame) int { return 2 })
	check(t, err)
	want := 3*HeaderSize + int64(s.frames[sampleFrames-1].span.End)
	if f.Total.Bytes > want || f.Total.Bytes < want-8 {
		t.Errorf("%d bytes of %d, want %d", f.Total.Bytes, r.Size(), want)
	}
	if n := f.Total.Frames; n < 40 || n > 48 || f.Total.Records < 2*n-1 || f.Total.Records > 2*n+1 {
		t.Errorf("%+v, want %d frames", f.Total, sampleFrames)
	}
}

func TestForecastOfNothing(t *testing.T) {
	r, err := Open(options(crashfs.New(), "."))
	check(t, err)
	if f, err := r.Forecast(nil); err != nil || f.Total != (Amount{}) || f.Left(0) != (Amount{}) {
		t.Errorf("%+v, %v", f, err)
	}
}
