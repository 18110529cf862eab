package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// Scan reads a data file block by block without its index, to rebuild the index
// or to inspect the file. It calls record for each record, in the order of the
// file, with the offset of its block; record must not retain the bytes. It
// calls damage for what it cannot read, and continues with the next block that
// has a valid checksum. An error from either function ends the scan.
func Scan(fsys vfs.FS, dir string, id uint64,
	record func(offset int64, topic, seq uint64, ts int64, record []byte) error,
	damage func(Damage) error) error {
	name := path.Join(dir, DataName(id))
	f, err := fsys.OpenRead(name)
	if err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	if err := scanHeader(f, name, id, damage); err != nil {
		return err
	}
	return scanBlocks(f, name, headerSize, size, func(off int64, raw []byte) error {
		ok, err := eachRecord(raw, func(topic, seq uint64, ts int64, b []byte) error {
			return record(off, topic, seq, ts, b)
		})
		if err == nil && !ok {
			err = damage(Damage{File: name, Offset: off, Cause: "the block's runs are malformed"})
		}
		return err
	}, damage)
}

// scanHeader reports a header that is not that of the segment id.
func scanHeader(f vfs.File, name string, id uint64, damage func(Damage) error) error {
	b := make([]byte, headerSize)
	err := readFull(f, name, b, 0)
	if err == nil {
		var h header
		if h, err = decodeHeader(b, dataMagic, name); err == nil && h.id != id {
			err = damaged(name, 0, fmt.Sprintf("it is segment %016x", h.id))
		}
	}
	if d, ok := errors.AsType[*DamageError](err); ok {
		return damage(d.Damage)
	}
	return err
}

// eachRecord calls yield for the records of a block. ok is false if the rest of
// the block is malformed.
func eachRecord(raw []byte, yield func(topic, seq uint64, ts int64, record []byte) error) (ok bool, err error) {
	for len(raw) > 0 {
		d, ok := openRun(raw)
		if !ok {
			return false, nil
		}
		for d.left > 0 {
			b, ok := d.next()
			if !ok {
				return false, nil
			}
			if err := yield(d.topic, d.seq, d.ts, b); err != nil {
				return true, err
			}
		}
		raw = d.r.p
	}
	return true, nil
}

// scanBlocks calls block for each block between two offsets of a data file,
// with its content in newly allocated memory, and damage for everything in
// between.
func scanBlocks(f vfs.File, name string, from, to int64,
	block func(off int64, raw []byte) error, damage func(Damage) error) error {
	for off := from; off < to; {
		raw, h, cause, err := scanBlock(f, name, off, to)
		if err != nil {
			return err
		}
		if cause == "" {
			if err := block(off, raw); err != nil {
				return err
			}
			off += int64(h.size())
			continue
		}
		next, err := resync(f, name, off, h, to)
		if err != nil {
			return err
		}
		d := Damage{File: name, Offset: off, Cause: fmt.Sprintf("%s; %d bytes are passed over", cause, next-off)}
		if err := damage(d); err != nil {
			return err
		}
		off = next
	}
	return nil
}

// scanBlock reads the block at off, which must end at or before to, or returns
// the cause of the failure. h is the block's header if it looks like one.
func scanBlock(f vfs.File, name string, off, to int64) (raw []byte, h frameHead, cause string, err error) {
	if to-off < frameSize {
		return nil, h, "the file ends in a block", nil
	}
	var head [frameSize]byte
	if err := readFull(f, name, head[:], off); err != nil {
		return nil, h, "", err
	}
	h, cause = decodeFrameHead(head[:], blockMagic)
	if cause != "" {
		return nil, frameHead{}, cause, nil
	}
	if int64(h.size()) > to-off {
		return nil, frameHead{}, "the file ends in a block", nil
	}
	buf := frameBuffer(h.size())
	defer putFrameBuffer(buf)
	if err := readFull(f, name, *buf, off); err != nil {
		return nil, h, "", err
	}
	raw, cause = decodeFrame(*buf, blockMagic, 0)
	return raw, h, cause, nil
}

// resyncBytes is how much is searched at a time.
const resyncBytes = 256 << 10

// resync returns the offset of the first valid block after the damage at off,
// or to. h is the header of the damaged block, if it has one. The end according
// to the header is tried first, because a record may contain what looks like a
// block.
func resync(f vfs.File, name string, off int64, h frameHead, to int64) (int64, error) {
	if h.stored > 0 {
		next := off + int64(h.size())
		if next == to {
			return to, nil
		}
		if _, _, cause, err := scanBlock(f, name, next, to); err != nil || cause == "" {
			return next, err
		}
	}
	magic := binary.LittleEndian.AppendUint32(nil, blockMagic)
	buf := make([]byte, resyncBytes)
	for off++; to-off >= frameSize; {
		window := buf[:min(resyncBytes, to-off)]
		if err := readFull(f, name, window, off); err != nil {
			return 0, err
		}
		i := bytes.Index(window, magic)
		if i < 0 {
			off += int64(len(window) - len(magic) + 1)
			continue
		}
		off += int64(i)
		if _, _, cause, err := scanBlock(f, name, off, to); err != nil || cause == "" {
			return off, err
		}
		off++
	}
	return to, nil
}
