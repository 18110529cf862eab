package drill

import "github.com/e6e95bb8/topics/api/client"

// deletion is one delete request: of everything below a seq, or of one op's
// records by their tag.
type deletion struct {
	before uint64 // 0 for a deletion by tag
	op     opID
}

// deletions are the deletions in a topic. The book's lock guards it.
type deletions struct {
	floor uint64        // all records below it are deleted
	gone  map[opID]bool // all records of these ops are deleted
	// doubt has requests that may or may not have been carried out: a kill
	// prevented the answer, or the kill may have undone an answered one because
	// the class allows that. The next pass decides.
	doubt []deletion
}

// certain records that a deletion was carried out.
func (d *deletions) certain(x deletion) {
	if x.before == 0 {
		d.gone[x.op] = true
	}
	d.floor = max(d.floor, x.before)
}

// covers reports whether the record of op id at seq is deleted.
func (d *deletions) covers(seq uint64, id opID) bool { return seq < d.floor || d.gone[id] }

// alive returns how many records of an op at a place are not deleted.
func (d *deletions) alive(id opID, at place) int {
	switch {
	case d.gone[id] || at.last() < d.floor:
		return 0
	case at.first < d.floor:
		return int(at.last() - d.floor + 1)
	}
	return at.count
}

// deleting records that a deletion is being sent.
func (b *book) deleting(x deletion) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.deletions.doubt = append(b.mu.deletions.doubt, x)
}

// deleted records that a deletion was answered.
func (b *book) deleted(x deletion, a client.Deleted) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.tally.Deletes++
	b.mu.tally.DeletedRecords += a.Deleted
	if a.EarliestSeq < x.before || a.EarliestSeq > a.HeadSeq+1 || a.Deleted < 0 {
		b.mu.tally.Unexpected++
		b.findings.addf("%s: deleting below %d was answered with the first seq %d, the head %d and %d records deleted",
			b.topic, x.before, a.EarliestSeq, a.HeadSeq, a.Deleted)
	}
	if b.class.survives() {
		b.forgetLocked(x)
		b.mu.deletions.certain(x)
	}
}

// refused records that a deletion was refused.
func (b *book) refused(x deletion) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgetLocked(x)
}

// forgetLocked removes one request from the doubtful ones. b.mu is held.
func (b *book) forgetLocked(x deletion) {
	doubt := b.mu.deletions.doubt
	for i, y := range doubt {
		if x == y {
			b.mu.deletions.doubt = append(doubt[:i], doubt[i+1:]...)
			return
		}
	}
}

// resolveLocked decides the doubtful deletions by what a pass over the whole
// topic has read. A deletion is one entry of the log, so it is carried out
// entirely or not at all. b.mu is held.
func (b *book) resolveLocked(p *pass) {
	d := &b.mu.deletions
	for _, x := range d.doubt {
		if x.before > 0 && (p.lowest == 0 || p.lowest >= x.before) || x.before == 0 && p.got[x.op] == 0 {
			d.certain(x)
		}
	}
	d.doubt = d.doubt[:0]
}

// floor returns the seq below which everything is known to be deleted.
func (b *book) floor() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.deletions.floor
}
