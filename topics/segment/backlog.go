package segment

// tablePageBytes is the size of a page of the table before compression.
const tablePageBytes = 64 << 10

// backlog holds extents that are complete but not in the table yet. The pages
// of some wait for their last block to be written. The entries of others wait
// for the end of their topic, because the first entry of a topic has the place
// of its tags.
type backlog struct {
	queue []endedExtent // in order
	topic int           // index in queue of the first extent of the current topic
	pages int           // number of extents in queue whose page is written

	table []byte // final entries; in the end those of all extents
	cuts  []int  // offsets in table at which its pages end
	prev  Extent // last extent in table
}

type endedExtent struct {
	Extent
	runs    []Run
	columns []byte // encoded
}

// push adds an extent and copies its page, which the caller may reuse.
func (b *backlog) push(e Extent, p *Page) {
	runs := append([]Run(nil), p.Runs...)
	b.queue = append(b.queue, endedExtent{e, runs, p.appendColumns(nil)})
}

// writePages writes the pages in the queue. bl is the block that they waited
// for, and was written last.
func (b *backlog) writePages(o *output, seed uint64, bl block) error {
	var raw []byte
	for ; b.pages < len(b.queue); b.pages++ {
		x := &b.queue[b.pages]
		complete(x.runs, bl)
		raw = append(appendRuns(raw[:0], x.runs), x.columns...)
		var err error
		if x.page, err = o.frame(extentMagic, seed+uint64(o.off), raw); err != nil {
			return err
		}
		x.runs, x.columns = nil, nil
	}
	b.moveFinal()
	return nil
}

// complete sets the block of the last run if it is not known yet.
func complete(runs []Run, bl block) {
	if n := len(runs); n > 0 && runs[n-1].block.size == 0 {
		runs[n-1].block = bl
	}
}

// endTopic ends the current topic, which consists of the extents pushed since
// the last call. dir is the place of its tag directory.
func (b *backlog) endTopic(dir place) {
	if b.topic < len(b.queue) {
		b.queue[b.topic].dir = dir
	}
	b.topic = len(b.queue)
	b.moveFinal()
}

// moveFinal moves final entries to the table.
func (b *backlog) moveFinal() {
	n := min(b.topic, b.pages)
	for i := range b.queue[:n] {
		e := &b.queue[i].Extent
		if len(b.table) > 0 && len(b.table)-b.cut() >= tablePageBytes {
			b.cuts = append(b.cuts, len(b.table))
		}
		b.table = appendExtent(b.table, e, &b.prev)
		b.prev = *e
	}
	b.queue = append(b.queue[:0], b.queue[n:]...)
	b.topic -= n
	b.pages -= n
}

// cut returns the offset of the last page of the table.
func (b *backlog) cut() int {
	if len(b.cuts) == 0 {
		return 0
	}
	return b.cuts[len(b.cuts)-1]
}

// writeTable writes the table. All entries must be in it.
func (b *backlog) writeTable(o *output, seed uint64) error {
	from := 0
	for _, to := range append(b.cuts, len(b.table)) {
		if _, err := o.frame(tableMagic, seed+uint64(o.off), b.table[from:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}
