package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/frame"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// scrubStep is how many bytes of a log file are read at a time at most, unless a frame is
// larger.
const scrubStep = 256 << 10

// scrubLog reads the log from its oldest file up to what is synced: those bytes
// never change while their file is in use.
func (st *Store) scrubLog(ctx context.Context, s *Scrub) error {
	synced := st.Log.Synced()
	for _, f := range st.Log.Files() {
		f.End = min(f.End, synced)
		if f.First >= f.End {
			continue
		}
		err := st.scrubLogFile(ctx, s, f)
		var bad *wal.CorruptionError
		if version := new(wal.VersionError); errors.As(err, &version) { // this process wrote the header, with its own version
			err = &wal.CorruptionError{File: f.Name, LSN: f.First, Cause: err.Error()}
		}
		damaged := errors.As(err, &bad)
		switch {
		case (damaged || errors.Is(err, fs.ErrNotExist)) && !st.logHas(f): // released meanwhile: the file may be reused
			continue
		case damaged:
			s.found(Damage{File: st.dir(path.Join(manifest.LogDir, bad.File)), Offset: bad.Offset, LSN: uint64(bad.LSN), Cause: bad.Cause})
		case errors.Is(err, fs.ErrNotExist):
			s.found(Damage{File: st.dir(path.Join(manifest.LogDir, f.Name)), LSN: uint64(f.First), Cause: "the file is missing"})
		case err != nil:
			return err
		}
		s.LogFiles++
	}
	return nil
}

// logHas reports whether the log still uses the file.
func (st *Store) logHas(f wal.File) bool {
	return slices.ContainsFunc(st.Log.Files(), func(g wal.File) bool { return g.Index == f.Index })
}

// scrubLogFile reads the frames of a file up to f.End. It returns the first
// damaged place as a *wal.CorruptionError: frames after it cannot be found
// without a search.
func (st *Store) scrubLogFile(ctx context.Context, s *Scrub, f wal.File) error {
	h, err := st.opts.FS.OpenRead(path.Join(st.dir(manifest.LogDir), f.Name))
	if err != nil {
		return err
	}
	defer h.Close()
	head, err := readAtMost(h, 0, f.Bytes()-int64(f.End-f.First))
	if err == nil {
		err = f.CheckHeader(head, st.Log.ID())
	}
	if err != nil {
		return err
	}
	usual := min(scrubStep, st.buffers.step())
	step := usual
	for at := f.First; at < f.End; {
		if err := st.pause(ctx); err != nil {
			return err
		}
		left := int64(f.End - at)
		off := f.Bytes() - left
		release := st.buffers.hold(min(step, left))
		buf, err := readAtMost(h, off, min(step, left))
		if err != nil {
			release()
			return err
		}
		frames, used, needs := wholeFrames(buf, st.Log.ID(), at)
		release()
		if used == 0 && (needs <= step || needs > left) {
			return &wal.CorruptionError{File: f.Name, Offset: off, LSN: at, Cause: "no valid frame"}
		}
		at += wal.LSN(used)
		s.Frames += frames
		s.read(int64(used))
		step = max(usual, needs)
	}
	return nil
}

// wholeFrames decodes the frames at the beginning of buf, which is at position
// at in the log, up to the first that is not valid or not complete. It returns
// how many there are, how many bytes they take, and how many bytes the next one
// needs, or 0 if that is unknown.
func wholeFrames(buf []byte, logID uint64, at wal.LSN) (frames int64, used int, needs int64) {
	for {
		_, n, err := frame.Decode(buf[used:], logID, uint64(at)+uint64(used))
		if err != nil {
			return frames, used, int64(n)
		}
		frames++
		used += n
	}
}

// readAtMost returns n bytes at off, or fewer if the file ends before.
func readAtMost(f vfs.File, off, n int64) ([]byte, error) {
	buf := make([]byte, n)
	got, err := f.ReadAt(buf, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("scrub: %w", err)
	}
	return buf[:got], nil
}
