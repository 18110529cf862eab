package segment

import (
	"fmt"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// outputBytes is the size of a write.
const outputBytes = 128 << 10

// output appends to a file.
type output struct {
	vfs.File
	name string // path
	off  int64  // bytes appended, including buf
	buf  []byte // bytes not written yet
}

// append copies p.
func (o *output) append(p []byte) error {
	o.buf = append(o.buf, p...)
	o.off += int64(len(p))
	if len(o.buf) < outputBytes {
		return nil
	}
	return o.flush()
}

// frame appends raw as a frame and returns its place.
func (o *output) frame(magic uint32, seed uint64, raw []byte) (place, error) {
	at := place{off: o.off}
	n := len(o.buf)
	o.buf = appendFrame(o.buf, magic, seed, raw)
	at.size = uint32(len(o.buf) - n)
	o.off += int64(at.size)
	if len(o.buf) < outputBytes {
		return at, nil
	}
	return at, o.flush()
}

func (o *output) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	if _, err := o.WriteAt(o.buf, o.off-int64(len(o.buf))); err != nil {
		return fmt.Errorf("segment: write %s: %w", o.name, err)
	}
	if cap(o.buf) > 8*outputBytes { // do not keep the memory of a large record
		o.buf = nil
	}
	o.buf = o.buf[:0]
	return nil
}

// finish writes the buffer, makes the file durable and closes it.
func (o *output) finish() error {
	if err := o.flush(); err != nil {
		return err
	}
	if err := o.Sync(); err != nil {
		return fmt.Errorf("segment: sync %s: %w", o.name, err)
	}
	if err := o.Close(); err != nil {
		return fmt.Errorf("segment: close %s: %w", o.name, err)
	}
	return nil
}
