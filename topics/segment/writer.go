package segment

import (
	"errors"
	"fmt"
	"math"
	"path"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// blockBytes is the size of a block before compression, unless a single record
// is larger.
const blockBytes = 64 << 10

// Writer writes one segment. It keeps in memory one block, one extent, the tags
// of one topic and some bytes for each extent. It is not safe for concurrent
// use. After an error only Abort may be called.
type Writer struct {
	fsys vfs.FS
	dir  string
	id   uint64

	data, index output
	seed        uint64 // checksum of the index's header
	err         error  // the first error; all later calls return it

	// The current topic and its last record.
	begun  bool
	topic  uint64
	last   uint64
	lastTS int64
	tags   postings

	// The block that is being filled: completed runs in block, and the records of
	// the current run in run.
	block  []byte
	shared int // number of runs in block
	run    openedRun

	// The extent that is being filled. Its last run may be in block, whose final
	// size and place are not known yet.
	extent Extent
	page   Page

	backlog backlog
	foot    footer
	copied  int // number of blocks taken over by Copy
}

// openedRun is a run that is being filled.
type openedRun struct {
	records []byte
	count   int
	first   uint64
	ts      int64
}

// Create starts the segment id of the log logID in dir. It first removes files
// that a crash left of a segment with that id.
func Create(fsys vfs.FS, dir string, id, logID uint64) (*Writer, error) {
	for _, kind := range []Kind{Data, Index, Partial} {
		if err := Remove(fsys, dir, id, kind); err != nil {
			return nil, err
		}
	}
	w := &Writer{fsys: fsys, dir: dir, id: id}
	w.data.name = path.Join(dir, DataName(id))
	w.index.name = path.Join(dir, IndexName(id))
	h := header{logID: logID, id: id}
	for _, o := range []*output{&w.data, &w.index} {
		f, err := fsys.Create(o.name)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("segment: %w", err), w.Abort())
		}
		o.File = f
	}
	head := h.encode(indexMagic)
	w.seed = headerSum(head)
	if err := errors.Join(w.data.append(h.encode(dataMagic)), w.index.append(head)); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// ID returns the segment's id.
func (w *Writer) ID() uint64 { return w.id }

// Records returns the number of records added so far.
func (w *Writer) Records() int64 { return int64(w.foot.records) }

// DataBytes returns the approximate size of the data file so far, including
// what is not in a finished block yet.
func (w *Writer) DataBytes() int64 { return w.data.off + int64(w.filled()) }

// filled returns the size that the current block would have.
func (w *Writer) filled() int {
	n := len(w.block)
	if w.run.count > 0 {
		n += runHeadMax + len(w.run.records)
	}
	return n
}

// Add copies and appends a record. size is the size of its payload for the
// statistics, in bytes.
func (w *Writer) Add(topic, seq uint64, ts int64, size uint32, record []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(record) > MaxRecord {
		return w.fail(fmt.Errorf("%w: a record of %d bytes", ErrTooLarge, len(record)))
	}
	prev, prevTS := w.last, w.lastTS
	if err := w.admit(topic, seq, seq, ts, ts, 1); err != nil {
		return w.fail(err)
	}
	if n := w.filled(); n > 0 && n+runHeadMax+recordHeadMax+len(record) > blockBytes {
		if err := w.flushBlock(); err != nil {
			return w.fail(err)
		}
	}
	r := &w.run
	if r.count == 0 {
		r.first, r.ts = seq, ts
		r.records = appendRunRecord(r.records[:0], 0, 0, record)
	} else {
		r.records = appendRunRecord(r.records, seq-prev-1, uint64(ts)-uint64(prevTS), record)
	}
	r.count++
	w.column(seq, ts, size)
	return nil
}

// Tag adds a tag to the record seq, which is in the segment. topic must be that
// of the last record; its seqs and tags may be given in any order.
func (w *Writer) Tag(topic uint64, tag []byte, seq uint64) error {
	switch {
	case w.err != nil:
		return w.err
	case !w.begun || topic != w.topic:
		return w.fail(fmt.Errorf("%w: a tag of topic %d", ErrOrder, topic))
	case len(tag) > MaxTag:
		return w.fail(fmt.Errorf("%w: a tag of %d bytes", ErrTooLarge, len(tag)))
	case !w.tags.add(tag, seq):
		return w.fail(fmt.Errorf("%w: the tags of topic %d", ErrTooLarge, topic))
	}
	return nil
}

// Copy appends the records of a run of src by copying its block, which must
// hold no other run. It verifies the checksum and does not decompress. The
// caller adds the tags. If the block cannot be read, the Writer is unchanged
// and remains usable.
func (w *Writer) Copy(src *Segment, e *Extent, p *Page, run int) error {
	switch {
	case w.err != nil:
		return w.err
	case !p.Runs[run].alone():
		return w.fail(ErrShared)
	}
	return src.copyBlock(e, p, run, func(frame []byte) error {
		if err := w.adopt(frame, e, p, &p.Runs[run]); err != nil {
			return w.fail(err)
		}
		return nil
	})
}

// adopt appends a block that holds only the run r of p.
func (w *Writer) adopt(frame []byte, e *Extent, p *Page, r *Run) error {
	end := r.Start + r.Count
	seq := func(i int) uint64 { return e.First + uint64(p.Seq[i]) }
	ts := func(i int) int64 { return e.FirstTS + int64(p.TS[i]) }
	if err := w.admit(e.Topic, seq(r.Start), seq(end-1), ts(r.Start), ts(end-1), r.Count); err != nil {
		return err
	}
	if err := w.flushBlock(); err != nil {
		return err
	}
	w.page.Runs = append(w.page.Runs, Run{
		Start: len(w.page.Seq), Count: r.Count, size: r.size,
		block: block{off: w.data.off, size: r.block.size, raw: r.block.raw},
	})
	for i := r.Start; i < end; i++ {
		w.column(seq(i), ts(i), p.Size[i])
	}
	w.copied++
	return w.data.append(frame)
}

// admit makes room for n records with this range of seqs and times in the
// current extent, or starts another one.
func (w *Writer) admit(topic, first, last uint64, ts, lastTS int64, n int) error {
	switch {
	case !w.begun || topic > w.topic:
		if err := w.endTopic(); err != nil {
			return err
		}
		w.begun, w.topic = true, topic
	case topic < w.topic || first <= w.last || ts < w.lastTS:
		return fmt.Errorf("%w: seq %d of topic %d at time %d, after seq %d of topic %d at time %d",
			ErrOrder, first, topic, ts, w.last, w.topic, w.lastTS)
	}
	e := &w.extent
	if e.Count > 0 && (int(e.Count)+n > ExtentRecords || last-e.First > math.MaxUint32 ||
		uint64(lastTS)-uint64(e.FirstTS) > math.MaxUint32) {
		if err := w.endExtent(); err != nil {
			return err
		}
	}
	if e.Count == 0 {
		e.Topic, e.First, e.FirstTS = topic, first, ts
	}
	w.last, w.lastTS = last, lastTS
	return nil
}

// column adds a record, which was admitted, to the columns of the extent.
func (w *Writer) column(seq uint64, ts int64, size uint32) {
	e := &w.extent
	w.page.Seq = append(w.page.Seq, uint32(seq-e.First))
	w.page.TS = append(w.page.TS, uint32(uint64(ts)-uint64(e.FirstTS)))
	w.page.Size = append(w.page.Size, size)
	e.Last, e.LastTS = seq, ts
	e.Count++
	e.Bytes += uint64(size)
	w.foot.records++
	w.foot.bytes += uint64(size)
}

func (w *Writer) fail(err error) error {
	w.err = err
	return err
}
