package topics

import (
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
)

// line is the commits of a topic that have their place and are not published
// yet, in the order of their seqs. The topic's lock guards it.
type line struct {
	commits []*commit
	keyed   map[string]*commitOf[entry.Append] // those with an idempotency key
	size    record.Size                        // what they will add to the topic
}

// add puts a commit at the end.
func (l *line) add(c *commit) {
	l.commits = append(l.commits, c)
	l.size.Add(record.Size{Records: int64(len(c.sizes)), Bytes: c.bytes})
}

// key makes a commit of the line known by its idempotency key.
func (l *line) key(c *commitOf[entry.Append]) {
	if l.keyed == nil {
		l.keyed = make(map[string]*commitOf[entry.Append])
	}
	l.keyed[c.commit.key] = c
}

// next returns the first commit; nil if there is none.
func (l *line) next() *commit {
	if len(l.commits) == 0 {
		return nil
	}
	return l.commits[0]
}

// pop takes the first commit out of the line.
func (l *line) pop() {
	c := l.commits[0]
	l.commits[0] = nil
	l.commits = l.commits[1:]
	if len(l.commits) == 0 {
		l.commits = nil
	}
	l.size.Add(record.Size{Records: -int64(len(c.sizes)), Bytes: -c.bytes})
	if c.key == "" {
		return
	}
	delete(l.keyed, c.key)
	if len(l.keyed) == 0 {
		l.keyed = nil
	}
}
