package queue

import "github.com/tidwall/btree"

// census counts the live jobs that have more than their record: in all, and by
// sections of seqs, so that those up to a seq are taken out of it at once.
type census struct {
	all      tally
	sections btree.Map[uint64, *tally] // by seq / sectionSize; only those that have a job
}

const sectionSize = 1024

// tally counts some jobs.
type tally struct {
	states [dying + 1]int64 // by what the jobs show
	stuck  int64
}

func (t *tally) add(state State, m mark, n int64) {
	t.states[state] += n
	if m&stuck != 0 {
		t.stuck += n
	}
}

func (t *tally) subtract(o *tally) {
	for s := range t.states {
		t.states[s] -= o.states[s]
	}
	t.stuck -= o.stuck
}

// jobs returns how many were counted.
func (t *tally) jobs() (n int64) {
	for _, in := range t.states {
		n += in
	}
	return n
}

// add counts a job n times; -1 takes it out.
func (c *census) add(j *job, n int64) {
	c.all.add(j.shown(), j.marks, n)
	section := j.seq / sectionSize
	t, ok := c.sections.Get(section)
	if !ok {
		t = &tally{}
		c.sections.Set(section, t)
	}
	t.add(j.shown(), j.marks, n)
	if n < 0 && *t == (tally{}) {
		c.sections.Delete(section)
	}
}

// cut takes out the sections that end with a seq, or before it. It returns the first
// seq after them.
func (c *census) cut(through uint64) (next uint64) {
	whole := (through + 1) / sectionSize
	for {
		section, t, ok := c.sections.Min()
		if !ok || section >= whole {
			return whole * sectionSize
		}
		c.all.subtract(t)
		c.sections.Delete(section)
	}
}
