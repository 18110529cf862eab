package wal

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/wal/frame"
)

// Frame is one replayed frame. Payload is valid only during the call.
type Frame struct {
	Type    byte
	LSN     LSN
	End     LSN // where the next frame stands
	Payload []byte
}

// Replay is a log whose files have been found and whose frames have not been
// read yet. Appending needs a Log, a Log needs a Tail, and only a replay that
// reached the end gives a Tail.
type Replay struct {
	opts   Options
	logID  uint64
	used   []*file // in use, by index; first file's first is where replay starts
	unused []*file // after the used ones: from the first without a header on
	total  int64
}

// Open finds the log's files in Options.Dir and checks their headers and their
// order. A directory without files is an empty log.
func Open(opts Options) (*Replay, error) {
	names, err := opts.FS.List(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("wal: list %s: %w", opts.Dir, err)
	}
	r := &Replay{opts: opts, logID: opts.LogID}
	for _, name := range names {
		index, ok := parseName(name)
		if !ok {
			continue
		}
		if err := r.openFile(name, index); err != nil {
			r.close()
			return nil, err
		}
	}
	if err := r.checkOrder(); err != nil {
		r.close()
		return nil, err
	}
	for i, f := range r.used {
		if r.total += f.size; i+1 < len(r.used) {
			r.total += f.offset(r.used[i+1].first) - f.size
		}
	}
	return r, nil
}

// openFile adds one file to used or unused, by its header. Once a header is
// missing or broken the files after it are unused too, even those with a
// header: several files may have been put in use since the last sync. What
// they prove is looked at when the end of the log is known.
func (r *Replay) openFile(name string, index uint64) error {
	h, err := r.opts.FS.Open(path.Join(r.opts.Dir, name))
	if err != nil {
		return fmt.Errorf("wal: open %s: %w", name, err)
	}
	f := &file{File: h, index: index, name: name}
	r.unused = append(r.unused, f)
	if f.size, err = h.Size(); err != nil {
		return fmt.Errorf("wal: size of %s: %w", name, err)
	}
	buf := make([]byte, min(f.size, headerSize))
	if _, err := h.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("wal: read %s: %w", name, err)
	}
	head, ok, err := decodeHeader(buf, name)
	if err != nil || !ok {
		return err
	}
	if r.logID != 0 && head.logID != r.logID {
		return &CorruptionError{File: name, LSN: head.first,
			Cause: fmt.Sprintf("belongs to log %016x, not %016x", head.logID, r.logID), Proof: "its header is whole"}
	}
	if f.size < head.size {
		return &CorruptionError{File: name, Offset: f.size, LSN: head.first + LSN(f.size-headerSize),
			Cause: "the file is cut short", Proof: fmt.Sprintf("its header says %d bytes", head.size)}
	}
	r.logID, f.first, f.synced = head.logID, head.first, head.synced
	if len(r.unused) == 1 {
		r.used, r.unused = append(r.used, f), r.unused[:0]
	}
	return nil
}

// checkOrder holds that no file is missing and none is shorter than it was.
// Names and lengths are synced before a file is used, so neither is ever the
// power's doing.
func (r *Replay) checkOrder() error {
	all := slices.Concat(r.used, r.unused)
	for i, f := range all {
		if want := uint64(i + 1); f.index != want {
			return missing(want, f.first, fmt.Sprintf("%s is there", f.name))
		}
	}
	for i, f := range r.used[min(1, len(r.used)):] {
		if last := r.used[i]; f.first < last.first || last.room(f.first) < 0 {
			return &CorruptionError{File: f.name, LSN: f.first, Cause: "does not follow the file before it", Proof: "its header is whole"}
		}
	}
	if n := len(all); r.opts.Newest > 0 && (n == 0 || all[n-1].index < r.opts.Newest) {
		return missing(r.opts.Newest, r.opts.Synced, "it was in use")
	}
	return nil
}

func missing(index uint64, lsn LSN, proof string) error {
	return &CorruptionError{File: fileName(index), LSN: lsn, Cause: "file is missing", Proof: proof}
}

func (r *Replay) close() {
	for _, f := range slices.Concat(r.used, r.unused) {
		f.Close()
	}
}

// Size is the bytes that Run will read.
func (r *Replay) Size() int64 { return r.total }

// Files is the number of files that Run will read.
func (r *Replay) Files() int { return len(r.used) }

// Run reads every frame in order and calls apply with it; progress gets the
// bytes read so far, now and then, and Size at the end. One goroutine reads
// and verifies ahead of apply. On any error the files are closed and nothing
// on disk has been touched.
func (r *Replay) Run(apply func(Frame) error, progress func(bytes int64)) (*Tail, error) {
	s := newScanner(r)
	err := s.each(apply, progress)
	if err == nil {
		err = s.classify()
	}
	if err != nil {
		r.close()
		return nil, err
	}
	progress(r.total)
	return &Tail{replay: r, End: s.end, Truncated: s.garbage, synced: s.synced, at: s.at, dirtyTo: s.dirtyTo}, nil
}

// verified is a block of whole frames on its way from the reader to apply.
type verified struct {
	buf    []byte
	frames []frame.Frame
	done   int64 // bytes of the log read when this block was
	err    error // ends the stream
}
