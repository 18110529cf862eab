package queue

import "fmt"

// broken returns what of the queue's own books does not add up.
func (q *Queue) broken() error {
	var count [dying + 1]int64
	ready, times, walls, ended, stucks := 0, 0, 0, 0, int64(0)
	q.jobs.Scan(func(seq uint64, j *job) bool {
		count[j.shown()]++
		if !q.records.Live(seq) {
			ended++
		}
		if j.is(stuck) {
			stucks++
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
	case count != q.count:
		return fmt.Errorf("jobs by state are %v, counted %v", count, q.count)
	case ended > 0:
		return fmt.Errorf("%d jobs have ended", ended)
	case stucks != q.stuck:
		return fmt.Errorf("%d jobs are stuck, counted %d", stucks, q.stuck)
	case ready != q.ready.len() || ready != q.ages.len() || times != q.times.len() || walls != q.walls.len():
		return fmt.Errorf("%d ready, %d and %d with a time; in the trees %d, %d, %d and %d",
			ready, times, walls, q.ready.len(), q.ages.len(), q.times.len(), q.walls.len())
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
		if open != g.open || open > q.cfg.GroupConcurrency || closedBefore && open < q.cfg.GroupConcurrency {
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
