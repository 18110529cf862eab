package topic

import (
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
)

// line is the commits of a topic that have their place and are not published
// yet, in the order of their seqs. The topic's lock guards it.
type line struct {
	Commits []*Commit
	keyed   map[string]*CommitOf[entry.Append] // those with an idempotency key
	Size    record.Size                        // what they will add to the topic
}

// add puts a commit at the end.
func (l *line) add(c *Commit) {
	l.Commits = append(l.Commits, c)
	l.Size.Add(record.Size{Records: int64(len(c.Sizes)), Bytes: c.Bytes})
}

// key makes a commit of the line known by its idempotency key.
func (l *line) key(c *CommitOf[entry.Append]) {
	if l.keyed == nil {
		l.keyed = make(map[string]*CommitOf[entry.Append])
	}
	l.keyed[c.Commit.key] = c
}

// Next returns the first commit; nil if there is none.
func (l *line) Next() *Commit {
	if len(l.Commits) == 0 {
		return nil
	}
	return l.Commits[0]
}

// pop takes the first commit out of the line.
func (l *line) pop() {
	c := l.Commits[0]
	l.Commits[0] = nil
	l.Commits = l.Commits[1:]
	if len(l.Commits) == 0 {
		l.Commits = nil
	}
	l.Size.Add(record.Size{Records: -int64(len(c.Sizes)), Bytes: -c.Bytes})
	if c.key == "" {
		return
	}
	delete(l.keyed, c.key)
	if len(l.keyed) == 0 {
		l.keyed = nil
	}
}
