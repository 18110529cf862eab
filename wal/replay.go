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
	used   []*file // in use, by index
	unused []*file // after those: from the first file without a header on
	// leftovers are names of files that are not needed: files below
	// Options.First, and freed files that were kept to be recycled.
	leftovers []string
	refused   error // why Open refuses the log

	from  int   // index in used of the file where reading begins
	begin LSN   // where it begins there; without used files, where the log does
	total int64 // bytes to read in used
	rest  int64 // and in unused
}

// Open finds the log's files in Options.Dir and checks their headers and their
// order. A directory without files is an empty log, unless Options.First or Start
// claim that there was one.
func Open(opts Options) (*Replay, error) {
	r, err := Inspect(opts)
	if err == nil && r.refused != nil {
		r.close()
		return nil, r.refused
	}
	return r, err
}

// Inspect is Open for Salvage: it finds the same files, but leaves it to Salvage to
// report corruption, and to Run to refuse it. A log whose files are all of an
// unknown version is a *VersionError.
func Inspect(opts Options) (*Replay, error) {
	names, err := opts.FS.List(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("wal: list %s: %w", opts.Dir, err)
	}
	r := &Replay{opts: opts, logID: opts.LogID}
	for _, name := range names {
		if _, old := parseIndex(name, oldSuffix); old {
			r.leftovers = append(r.leftovers, name)
			continue
		}
		index, ok := ParseName(name)
		if !ok {
			continue
		}
		if index < opts.first() {
			r.leftovers = append(r.leftovers, name)
			continue
		}
		if err := r.openFile(name, index); err != nil {
			r.close()
			return nil, err
		}
	}
	var version *VersionError
	if errors.As(r.refused, &version) && !slices.ContainsFunc(slices.Concat(r.used, r.unused), func(f *file) bool { return f.hasHeader }) {
		r.close()
		return nil, r.refused
	}
	if r.refused == nil {
		r.refused = r.checkOrder()
	}
	if r.refused == nil {
		r.seek()
	}
	return r, nil
}

// seek finds where reading begins: at Options.Start, in the last file that begins
// no later. A Start beyond the file's end is beyond the end of the log: Run reads
// all of the file then, to find that end.
func (r *Replay) seek() {
	for _, f := range r.unused {
		r.rest += f.size
	}
	r.begin = r.opts.Begin
	if len(r.used) == 0 {
		return
	}
	for r.from+1 < len(r.used) && r.used[r.from+1].first <= r.opts.Start {
		r.from++
	}
	f := r.used[r.from]
	r.begin = f.first
	if r.opts.Start > f.first && f.holds(r.opts.Start) {
		r.begin = r.opts.Start
		r.total -= f.offset(r.begin)
	}
	for i := range r.used[r.from:] {
		r.total += r.limit(r.from + i)
	}
}

// limit returns the offset in used[i] where its frames end at the latest. In all
// files but the last they end exactly there.
func (r *Replay) limit(i int) int64 {
	if i+1 < len(r.used) {
		return r.used[i].offset(r.used[i+1].first)
	}
	return r.used[i].size
}

// openFile adds one file to used or unused, by its header. Once a header is missing
// or broken the files after it are unused too, even those with a header: several
// files may have been put in use since the last sync. classify looks at what they
// prove when the end of the log is known.
func (r *Replay) openFile(name string, index uint64) error {
	open := r.opts.FS.Open
	if r.opts.ReadOnly {
		open = r.opts.FS.OpenRead
	}
	h, err := open(path.Join(r.opts.Dir, name))
	if err != nil {
		return fmt.Errorf("wal: open %s: %w", name, err)
	}
	f := &file{File: h, index: index, name: name}
	r.unused = append(r.unused, f)
	if f.size, err = h.Size(); err != nil {
		return fmt.Errorf("wal: size of %s: %w", name, err)
	}
	if f.refusal, err = r.readHeader(f); err != nil {
		return err
	}
	switch {
	case f.refusal != nil && r.refused == nil:
		r.refused = f.refusal
	case f.refusal == nil && f.hasHeader && len(r.unused) == 1:
		r.used, r.unused = append(r.used, f), r.unused[:0]
	}
	return nil
}

// readHeader sets the fields of f from its header, if it has one. A refusal is
// something that no power cut does.
func (r *Replay) readHeader(f *file) (refusal, err error) {
	buf := make([]byte, min(f.size, HeaderSize))
	if _, err := f.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("wal: read %s: %w", f.name, err)
	}
	head, ok, refusal := decodeHeader(buf, f.name)
	if refusal != nil || !ok {
		return refusal, nil
	}
	if r.logID != 0 && head.logID != r.logID {
		return &CorruptionError{File: f.name, LSN: head.first,
			Cause: fmt.Sprintf("belongs to log %016x, not %016x", head.logID, r.logID), Proof: "its header is whole"}, nil
	}
	r.logID, f.first, f.synced, f.hasHeader = head.logID, head.first, head.synced, true
	if f.size < head.size {
		return &CorruptionError{File: f.name, Offset: f.size, LSN: head.first + LSN(f.size-HeaderSize),
			Cause: "the file is cut short", Proof: fmt.Sprintf("its header says %d bytes", head.size)}, nil
	}
	return nil, nil
}

// checkOrder checks that no file is missing from Options.First on and none is
// shorter than it was. Names and lengths are synced before a file is used, so no
// power cut causes either. Nor does one cause a First without a header, which was
// durable before First was recorded.
func (r *Replay) checkOrder() error {
	all := slices.Concat(r.used, r.unused)
	for i, f := range all {
		if want := r.opts.first() + uint64(i); f.index != want {
			return missing(want, f.first, fmt.Sprintf("%s is there", f.name))
		}
	}
	if err := r.checkBegin(all); err != nil {
		return err
	}
	for i, f := range r.used[min(1, len(r.used)):] {
		if last := r.used[i]; !last.holds(f.first) {
			return &CorruptionError{File: f.name, LSN: f.first, Cause: "does not follow the file before it", Proof: "its header is whole"}
		}
	}
	if n := len(all); r.opts.Newest > 0 && (n == 0 || all[n-1].index < r.opts.Newest) {
		return missing(r.opts.Newest, r.opts.Synced, "it was in use")
	}
	return nil
}

// checkBegin checks that the log begins where Options claim.
func (r *Replay) checkBegin(all []*file) error {
	begins, start := r.opts.Begin, r.opts.Start
	switch {
	case len(r.used) > 0 && begins > 0 && r.used[0].first != begins:
		return &CorruptionError{File: r.used[0].name, LSN: r.used[0].first,
			Cause: fmt.Sprintf("the log is there and does not begin at lsn %d", begins), Proof: "its header is whole"}
	case len(r.used) > 0 && start > 0 && start < r.used[0].first:
		return &CorruptionError{File: r.used[0].name, LSN: start,
			Cause: "the frames before the first file are missing", Proof: "they are needed"}
	case len(r.used) > 0 || !r.opts.expected():
		return nil
	case len(all) > 0:
		return &CorruptionError{File: all[0].name, LSN: start,
			Cause: "header missing or damaged", Proof: "it is the oldest file needed"}
	}
	return missing(r.opts.first(), start, "it is the oldest file needed")
}

func missing(index uint64, lsn LSN, proof string) error {
	return &CorruptionError{File: FileName(index), LSN: lsn, Cause: "file is missing", Proof: proof}
}

func (r *Replay) close() {
	for _, f := range slices.Concat(r.used, r.unused) {
		f.Close()
	}
}

// Size returns how many bytes Run will read, including those after the frames.
func (r *Replay) Size() int64 { return r.total + r.rest }

// Files returns the number of files that Run will read.
func (r *Replay) Files() int { return len(r.used) - r.from }

// Run reads every frame from Options.Start on, in order, and calls apply with it. It
// calls progress with the number of bytes read so far: with 0 when the files are
// synced, every so often, and with Size at the end. One goroutine reads and verifies
// ahead of apply. After an error the files are closed and nothing on disk has
// changed.
func (r *Replay) Run(apply func(Frame) error, progress func(bytes int64)) (*Tail, error) {
	s := newScanner(r)
	s.progress = progress
	err := r.refused
	if err == nil {
		err = r.syncAll()
	}
	if err == nil {
		progress(0)
		err = s.each(apply, progress)
	}
	if err == nil {
		err = s.checkStart()
	}
	if err == nil {
		err = s.classify()
	}
	if err != nil {
		r.close()
		return nil, err
	}
	progress(r.Size())
	return &Tail{replay: r, End: s.end, Truncated: s.garbage, synced: s.synced, at: s.at, dirtyTo: s.dirtyTo}, nil
}

// syncAll syncs every file before it is read. A kernel reports a failed
// write-back once, to the next sync of the file, on any handle. One that it has
// not reported yet is a *SyncError here; one that it has, to the process before
// or to this one, is for the caller to remember.
//
// Reading after a failed write-back is safe with TailPower, although the page
// cache may show what the disk does not have. A page whose write-back failed was
// written to after the last sync that succeeded. The frames that are proven to
// have been synced did not change since: of them the disk has what the cache
// shows, and only frames after them, in the same page, may be missing on it.
// Those are unproven. Tail.rewrite dirties their pages again, and the log is not
// open before a sync of them has succeeded. If the kernel has dropped such a
// page, the reader sees what the disk has, as after a power cut.
func (r *Replay) syncAll() error {
	if r.opts.ReadOnly {
		return nil
	}
	for _, f := range slices.Concat(r.used, r.unused) {
		if err := f.sync(); err != nil {
			return err
		}
	}
	return nil
}

// verified is a block of whole frames on its way from the reader to apply.
type verified struct {
	buf    []byte
	frames []frame.Frame
	done   int64 // bytes of the log read when this block was
	err    error // ends the stream
}
