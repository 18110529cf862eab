package call

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/klauspost/compress/zstd"
)

// Frames of all kinds, one after the other, are what the decoder alone makes of
// them, however the bytes arrive.
func TestFramesPassUnchanged(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	rng := rand.New(rand.NewPCG(3, 3))
	limits := wire.Limits{}.WithDefaults()
	var b Bounds
	b.Set(t.Context(), &Options{Limits: &limits})
	for range 60 {
		var packed, plain []byte
		for range 1 + rng.IntN(4) {
			part := make([]byte, rng.IntN(300_000))
			for i := range part {
				part[i] = byte(rng.IntN(1 + rng.IntN(4)*80))
			}
			plain = append(plain, part...)
			packed = append(packed, framed(t, part, zstd.WithWindowSize(1<<(10+rng.IntN(13))),
				zstd.WithSingleSegment(rng.IntN(2) == 0), zstd.WithEncoderCRC(rng.IntN(2) == 0))...)
			if rng.IntN(2) == 0 { // one to skip
				n := rng.IntN(50)
				packed = binary.LittleEndian.AppendUint32(packed, 0x184D2A50)
				packed = binary.LittleEndian.AppendUint32(packed, uint32(n))
				packed = append(packed, make([]byte, n)...)
			}
		}
		c := &Call{bounds: &b, Request: &http.Request{Header: http.Header{"Content-Encoding": {"zstd"}}}}
		in := &incoming{call: c, src: &pieces{packed, rng}, giveUp: func() {}}
		src, done, err := wire.Decode(c.Request.Header.Get("Content-Encoding"), in, limits.MaxBodyBytes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := in.readAll(src, int64(len(plain)))
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(plain), err)
		}
		done()
		in.through()
		c.Give()
	}
	if used := b.Usage().Memory; used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// pieces gives bytes out in pieces of any size.
type pieces struct {
	left []byte
	rng  *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	n := min(len(b), 1+p.rng.IntN(5000))
	n = copy(b[:n], p.left)
	if p.left = p.left[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// framed is a document in a frame of zstd.
func framed(t testing.TB, doc []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(doc); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
