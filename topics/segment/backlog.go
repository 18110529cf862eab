package segment

// tablePageBytes is what a page of the table has before it is compressed.
const tablePageBytes = 64 << 10

// backlog holds the extents that have ended and are not yet in the table: the
// pages of some wait for their last block, the entries of others for the end of
// their topic, because the first of a topic says where its tags are.
type backlog struct {
	queue []endedExtent // in order
	topic int           // index in queue of the first extent of the present topic
	pages int           // so many of queue have their page written

	table []byte // the entries that are final, up to all extents of the segment
	cuts  []int  // where in table a page of it ends
	prev  Extent // the last of table
}

type endedExtent struct {
	Extent
	runs    []Run
	columns []byte // encoded
}

// push takes over an extent and its page. The page can be filled anew.
func (b *backlog) push(e Extent, p *Page) {
	runs := append([]Run(nil), p.Runs...)
	b.queue = append(b.queue, endedExtent{e, runs, p.appendColumns(nil)})
}

// writePages writes the pages that wait. bl is the block that was written last,
// the one that they waited for.
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
	b.settle()
	return nil
}

// complete fills in the block of a last run that was in it.
func complete(runs []Run, bl block) {
	if n := len(runs); n > 0 && runs[n-1].block.size == 0 {
		runs[n-1].block = bl
	}
}

// endTopic says that the extents pushed so far are all of the present topic,
// and where the directory of its tags is.
func (b *backlog) endTopic(dir place) {
	if b.topic < len(b.queue) {
		b.queue[b.topic].dir = dir
	}
	b.topic = len(b.queue)
	b.settle()
}

// settle moves what is final to the table.
func (b *backlog) settle() {
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

// cut is where the last page of the table begins.
func (b *backlog) cut() int {
	if len(b.cuts) == 0 {
		return 0
	}
	return b.cuts[len(b.cuts)-1]
}

// writeTable writes the table, once everything is in it.
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
