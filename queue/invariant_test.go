package queue

import "fmt"

// broken returns what of the queue's own books does not add up.
func (q *Queue) broken() error {
	var all tally
	sections := map[uint64]tally{}
	ready, times, walls, ended := 0, 0, 0, 0
	q.jobs.Scan(func(seq uint64, j *job) bool {
		if seq > q.ended() {
			all.add(j.shown(), j.marks, 1)
			section := sections[seq/sectionSize]
			section.add(j.shown(), j.marks, 1)
			sections[seq/sectionSize] = section
		}
		if q.records.Live(seq) != (seq > q.ended()) {
			ended++
		}
		switch {
		case j.pending != 0:
		case j.state == Ready:
			ready++
		case j.is(byWall):
			walls++
		case j.state == Delayed || j.state == InFlight:
			times++
		}
		return true
	})
	switch {
	case all != q.census.all:
		return fmt.Errorf("jobs are %+v, counted %+v", all, q.census.all)
	case ended > 0:
		return fmt.Errorf("%d jobs have ended and are known, or the other way round", ended)
	case len(sections) != q.census.sections.Len():
		return fmt.Errorf("jobs are in %d sections, counted in %d", len(sections), q.census.sections.Len())
	case ready != q.ready.len() || ready != q.ages.len() || times != q.times.len() || walls != q.walls.len():
		return fmt.Errorf("%d ready, %d and %d with a time; in the trees %d, %d, %d and %d",
			ready, times, walls, q.ready.len(), q.ages.len(), q.times.len(), q.walls.len())
	}
	for section, in := range sections {
		if counted, ok := q.census.sections.Get(section); !ok || *counted != in {
			return fmt.Errorf("jobs of section %d are %+v, counted %+v", section, in, counted)
		}
	}
	for name, g := range q.groups {
		open, closedBefore := 0, false
		for j := g.first; j != nil; j = j.extra.next {
			if j.extra.open() {
				open++
				if closedBefore {
					return fmt.Errorf("group %s: job %d is open and an older one is not", name, j.seq)
				}
			}
			closedBefore = closedBefore || !j.extra.open()
			if !j.extra.open() && j.state == Ready && j.pending == 0 {
				return fmt.Errorf("group %s: job %d is ready and not open", name, j.seq)
			}
		}
		behind := q.regroups.from != 0 && g.first.seq >= q.regroups.from
		if open != g.open || !behind && (open > q.cfg.GroupConcurrency || closedBefore && open < q.cfg.GroupConcurrency) {
			return fmt.Errorf("group %s has %d open jobs, counted %d", name, open, g.open)
		}
	}
	for key, seq := range q.keys {
		if j, ok := q.jobs.Get(seq); !ok || j.extra == nil || j.extra.key != key {
			return fmt.Errorf("key %s is that of job %d, which has it not", key, seq)
		}
	}
	seats := map[*Waiter]int{}
	for e := q.line.Front(); e != nil; e = e.Next() {
		seats[e.Value.(*place).waiter] += e.Value.(*place).slots
	}
	for w, n := range seats {
		if _, stalled := q.stalled[w]; w.closed || stalled || w.stream && n != w.Max-len(w.held) {
			return fmt.Errorf("waiter %+v has %d places", w, n)
		}
	}
	return nil
}
