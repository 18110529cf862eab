package segment

import (
	"errors"
	"fmt"
)

// endRun appends the current run to the block.
func (w *Writer) endRun() {
	r := &w.run
	if r.count == 0 {
		return
	}
	inner := len(w.block)
	w.block = appendRunHead(w.block, w.topic, r.count, r.first, r.ts)
	w.block = append(w.block, r.records...)
	w.page.Runs = append(w.page.Runs, Run{
		Start: len(w.page.Seq) - r.count, Count: r.count,
		block: block{off: w.data.off}, inner: uint32(inner), size: uint32(len(w.block) - inner),
	})
	w.shared++
	r.records, r.count = reuse(r.records), 0
}

// flushBlock writes the block, and the pages that waited for it.
func (w *Writer) flushBlock() error {
	w.endRun()
	if len(w.block) == 0 {
		return nil
	}
	at, err := w.data.frame(blockMagic, 0, w.block)
	if err != nil {
		return err
	}
	b := block{at.off, at.size, uint32(len(w.block))}
	w.block, w.shared = reuse(w.block), 0
	complete(w.page.Runs, b)
	return w.backlog.writePages(&w.index, w.seed, b)
}

// endExtent passes the extent to the backlog. If the block holds only records
// of this extent and is at least half full, it is written too, so that a merge
// can copy it; otherwise other extents share it.
func (w *Writer) endExtent() error {
	w.endRun()
	if w.shared == 1 && len(w.block) >= blockBytes/2 {
		if err := w.flushBlock(); err != nil {
			return err
		}
	}
	w.backlog.push(w.extent, &w.page)
	w.extent = Extent{}
	w.page = Page{Runs: w.page.Runs[:0], Seq: w.page.Seq[:0], TS: w.page.TS[:0], Size: w.page.Size[:0]}
	w.foot.extents++
	if len(w.block) > 0 {
		return nil
	}
	return w.backlog.writePages(&w.index, w.seed, block{})
}

// endTopic ends the last extent of the topic and writes its tags.
func (w *Writer) endTopic() error {
	if !w.begun {
		return nil
	}
	if err := w.endExtent(); err != nil {
		return err
	}
	dir, err := w.writeTags()
	if err != nil {
		return err
	}
	w.backlog.endTopic(dir)
	w.foot.topics++
	return nil
}

// writeTags writes the pages of the topic's tags and their directory, if it has
// tags.
func (w *Writer) writeTags() (dir place, err error) {
	if len(w.tags.entries) == 0 {
		return place{}, nil
	}
	w.tags.sort()
	var d directory
	err = w.tags.pages(func(first, raw []byte) error {
		at, err := w.index.frame(tagsMagic, w.seed+uint64(w.index.off), raw)
		d.first, d.pages = append(d.first, first), append(d.pages, at)
		return err
	})
	if err != nil {
		return place{}, err
	}
	raw := appendDirectory(nil, &d)
	if len(raw) > maxRaw {
		return place{}, fmt.Errorf("%w: the tags of topic %d", ErrTooLarge, w.topic)
	}
	w.tags.reset()
	return w.index.frame(directoryMagic, w.seed+uint64(w.index.off), raw)
}

// reuse empties a buffer. It drops one that a large record has grown.
func reuse(b []byte) []byte {
	if cap(b) > 8*blockBytes {
		return nil
	}
	return b[:0]
}

// Finish completes the segment. When it returns nil, both files are complete
// and durable, and the Writer cannot be used any more.
func (w *Writer) Finish() error {
	if w.err != nil {
		return w.err
	}
	if err := w.finish(); err != nil {
		return w.fail(err)
	}
	w.err = errDone
	return nil
}

var errDone = errors.New("segment: the writer is done")

func (w *Writer) finish() error {
	if w.foot.records == 0 {
		return ErrEmpty
	}
	if err := w.endTopic(); err != nil {
		return err
	}
	if err := w.flushBlock(); err != nil {
		return err
	}
	w.foot.tableOff = w.index.off
	if err := w.backlog.writeTable(&w.index, w.seed); err != nil {
		return err
	}
	w.foot.tableLen = w.index.off - w.foot.tableOff
	w.foot.dataLen = w.data.off
	if err := w.index.append(w.foot.encode(w.seed)); err != nil {
		return err
	}
	if err := w.data.finish(); err != nil {
		return err
	}
	if err := w.index.finish(); err != nil {
		return err
	}
	if err := w.fsys.SyncDir(w.dir); err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	return nil
}

// Abort removes both files, even after Finish.
func (w *Writer) Abort() error {
	w.err = errDone
	var errs []error
	for _, o := range []*output{&w.data, &w.index} {
		if o.File != nil {
			o.Close() // of a file that is removed
		}
	}
	for _, kind := range []Kind{Data, Index} {
		errs = append(errs, Remove(w.fsys, w.dir, w.id, kind))
	}
	return errors.Join(errs...)
}
