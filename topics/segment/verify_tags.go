package segment

import (
	"bytes"
	"context"
	"fmt"
)

// tags checks the tags of a topic after all of its extents.
func (v *verifier) tags() error {
	e := &v.first
	if !e.HasTags() {
		return nil
	}
	d, err := v.seg.readDirectory(e)
	if err != nil {
		v.holes = true
		return v.damage(err)
	}
	v.Pages++
	v.Bytes += int64(e.dir.size)
	var last lastTag
	for i, at := range d.pages {
		if err := v.work(int(at.size)); err != nil {
			return err
		}
		raw, err := v.seg.readPage(context.Background(), tagsMagic, at, e.Topic)
		if err != nil {
			v.holes = true
			if err := v.damage(err); err != nil {
				return err
			}
			continue
		}
		v.Pages++
		v.Bytes += int64(at.size)
		if cause := v.postings(raw, d.first[i], &last); cause != "" {
			v.report(Damage{File: v.seg.indexName, Offset: at.off, Topic: e.Topic, Cause: cause})
		}
	}
	return nil
}

// lastTag is the last tag and seq of the pages so far.
type lastTag struct {
	begun bool
	tag   []byte
	seq   uint64
}

// postings returns what is wrong with a page of tags, or "". The page must
// begin with the tag first.
func (v *verifier) postings(raw, first []byte, last *lastTag) (cause string) {
	var p postingDecoder
	p.open(raw)
	for begun := false; p.next(); begun = true {
		if !begun && !bytes.Equal(p.tag, first) {
			return "the page begins with another tag than its directory says"
		}
		if c := bytes.Compare(p.tag, last.tag); last.begun && (c < 0 || c == 0 && p.seqs[0] <= last.seq) {
			return "the tags of the page are out of order"
		}
		for _, seq := range p.seqs {
			if v.whole && !v.seqs.has(seq) {
				return fmt.Sprintf("tag %q names seq %d, which is no record", p.tag, seq)
			}
		}
		last.begun, last.tag, last.seq = true, append(last.tag[:0], p.tag...), p.seqs[len(p.seqs)-1]
	}
	if p.r.bad {
		return "the page of tags is malformed"
	}
	return ""
}
