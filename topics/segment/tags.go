package segment

import (
	"bytes"
	"context"
)

// Tags calls yield for the tags of a topic that are not less than from, in
// ascending order, with the ascending seqs of their records, until yield
// returns false. A tag may be passed in several pieces. tag and seqs are valid
// only during the call. e is the topic's first extent. Only index pages are
// read, and only those needed.
func (s *Segment) Tags(e *Extent, from []byte, yield func(tag []byte, seqs []uint64) (more bool)) error {
	if !e.HasTags() {
		return nil
	}
	d, err := s.directory(e)
	if err != nil {
		return err
	}
	var page postingDecoder
	for i := d.seek(from); i < len(d.pages); i++ {
		raw, err := s.tagPage(e, d, i)
		if err != nil {
			return err
		}
		page.open(raw)
		for page.next() {
			if bytes.Compare(page.tag, from) >= 0 && !yield(page.tag, page.seqs) {
				return nil
			}
		}
		if page.r.bad {
			return affects(damaged(s.indexName, d.pages[i].off, "the page of tags is malformed"), e.Topic, 0, 0)
		}
	}
	return nil
}

// directory returns the directory of the topic's tags.
func (s *Segment) directory(e *Extent) (*directory, error) {
	k := cacheKey{s.owner, e.dir.off, false}
	if d, ok := s.cache.get(k).(*directory); ok {
		return d, nil
	}
	d, err := s.readDirectory(e)
	if err != nil {
		return nil, err
	}
	s.cache.put(k, d, d.bytes())
	return d, nil
}

// readDirectory is directory without the cache.
func (s *Segment) readDirectory(e *Extent) (*directory, error) {
	raw, err := s.readPage(context.Background(), directoryMagic, e.dir, e.Topic)
	if err != nil {
		return nil, err
	}
	d := decodeDirectory(raw, s.foot.tableOff)
	if d == nil {
		return nil, affects(damaged(s.indexName, e.dir.off, "the directory of tags is malformed"), e.Topic, 0, 0)
	}
	return d, nil
}

// tagPage returns the content of a page in the directory d.
func (s *Segment) tagPage(e *Extent, d *directory, i int) ([]byte, error) {
	k := cacheKey{s.owner, d.pages[i].off, false}
	if raw, ok := s.cache.get(k).([]byte); ok {
		return raw, nil
	}
	raw, err := s.readPage(context.Background(), tagsMagic, d.pages[i], e.Topic)
	if err != nil {
		return nil, err
	}
	s.cache.put(k, raw, cap(raw))
	return raw, nil
}
