package segment

import (
	"encoding/binary"
	"math"

	"github.com/zeebo/xxh3"
)

const footerSize = 72

var footerMagic = fileMagic{'t', 'o', 'p', 'i', 'c', 'e', 'n', 'd'}

// footer is the end of the index; see the package comment.
type footer struct {
	tableOff, tableLen int64 // bytes; the table ends at the footer
	records, bytes     uint64
	topics, extents    uint64
	dataLen            int64 // bytes of the data file
}

func (f *footer) encode(seed uint64) []byte {
	b := make([]byte, footerSize)
	copy(b, footerMagic[:])
	for i, v := range [...]uint64{
		uint64(f.tableOff), uint64(f.tableLen), f.records, f.bytes, f.topics, f.extents, uint64(f.dataLen),
	} {
		binary.LittleEndian.PutUint64(b[8+8*i:], v)
	}
	binary.LittleEndian.PutUint64(b[64:], xxh3.HashSeed(b[:64], seed))
	return b
}

// decodeFooter decodes the footer of an index of size bytes.
func decodeFooter(b []byte, seed uint64, size int64) (f footer, ok bool) {
	if len(b) != footerSize || fileMagic(b[:8]) != footerMagic ||
		xxh3.HashSeed(b[:64], seed) != binary.LittleEndian.Uint64(b[64:]) {
		return f, false
	}
	v := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8+8*i:]) }
	f = footer{
		tableOff: int64(v(0)), tableLen: int64(v(1)),
		records: v(2), bytes: v(3), topics: v(4), extents: v(5), dataLen: int64(v(6)),
	}
	ok = f.tableOff > headerSize && f.tableOff < size-footerSize &&
		f.tableLen == size-footerSize-f.tableOff &&
		f.dataLen > headerSize && f.records > 0 && f.records <= math.MaxInt64
	return f, ok
}
