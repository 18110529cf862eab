package jobs

import (
	"cmp"
	"fmt"
	"slices"
)

// outage is a kill of the server: from before it until the next boot was ready.
// Unix ns.
type outage struct{ from, to int64 }

// evidence is all that is known at the end of a drill.
type evidence struct {
	written []written
	lines   []line
	outages []outage
	killed  map[string]int64 // when a worker was killed
	dead    map[class]map[int]int
	slack   int64 // ns by which clocks of different kinds may differ
}

// tally is what became of the jobs of a class.
type tally struct {
	Written int64 `json:"written"`
	Done    int64 `json:"done"`
	Acked   int64 `json:"acked"` // done, and a worker knows that the queue knows
	Dead    int64 `json:"dead_lettered"`
	// Why jobs were delivered again.
	ByWorkerKill int64 `json:"again_after_worker_kill"`
	ByServerKill int64 `json:"again_after_server_kill"`
	ByReturn     int64 `json:"again_after_return"`
	ByLoss       int64 `json:"again_after_lost_lease"`
	// Allowed counts jobs that a kill of the server took, of classes that allow it.
	Allowed int64 `json:"lost_as_allowed"`
	// The rest are broken promises.
	Lost      int64 `json:"lost"`
	Back      int64 `json:"back_after_ack"`
	Causeless int64 `json:"again_without_cause"`
	Disorder  int64 `json:"out_of_order_in_group"`
	Early     int64 `json:"before_their_time"`
	Twice     int64 `json:"in_two_places"`
}

func (t *tally) broken() int64 {
	return t.Lost + t.Back + t.Causeless + t.Disorder + t.Early + t.Twice
}

// delivery is one delivery of a job that began.
type delivery struct {
	line
	end      event // the last that was noted of it
	endAt    int64
	finished int64 // when the job was done; 0 if it was not
}

// verdict judges the evidence.
type verdict struct {
	*evidence
	classes  map[class]*tally
	findings []string
}

// maxFindings bounds the broken promises that are described.
const maxFindings = 20

func judge(e *evidence) *verdict {
	v := &verdict{evidence: e, classes: make(map[class]*tally)}
	for _, c := range classes {
		v.classes[c] = &tally{}
	}
	deliveries := v.deliveries()
	for i := range v.written {
		v.job(&v.written[i], deliveries[v.written[i].number])
	}
	v.groups(deliveries)
	return v
}

func (v *verdict) addf(count *int64, format string, a ...any) {
	*count++
	if len(v.findings) < maxFindings {
		v.findings = append(v.findings, fmt.Sprintf(format, a...))
	}
}

// deliveries returns the deliveries of each job, in order of time.
func (v *verdict) deliveries() map[int][]*delivery {
	slices.SortStableFunc(v.lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	byLease := make(map[string]*delivery)
	all := make(map[int][]*delivery)
	for _, l := range v.lines {
		key := string(l.class) + l.lease
		if l.event == begun {
			if byLease[key] != nil {
				v.addf(&v.classes[l.class].Causeless, "%s: %s began twice", l.class, l.lease)
			}
			d := &delivery{line: l, end: begun, endAt: l.at}
			byLease[key] = d
			all[l.number] = append(all[l.number], d)
			continue
		}
		d := byLease[key]
		if d == nil {
			v.addf(&v.classes[l.class].Causeless, "%s: %s %s without having begun", l.class, l.lease, l.event)
			continue
		}
		d.end, d.endAt = l.event, l.at
		if l.event == did {
			d.finished = l.at
		}
	}
	return all
}

// outageIn reports whether the server was killed at a time that touches from..to.
func (v *verdict) outageIn(from, to int64) bool {
	return slices.ContainsFunc(v.outages, func(o outage) bool { return o.from < to && from < o.to })
}

// job judges what became of a job.
func (v *verdict) job(w *written, all []*delivery) {
	t := v.classes[w.class]
	t.Written++
	done, ackedOnce := false, false
	for i, d := range all {
		done = done || d.finished > 0
		ackedOnce = ackedOnce || d.end == acked
		if i == 0 && d.at+v.slack < w.sent+w.delay.Nanoseconds() {
			v.addf(&t.Early, "%s: job %d began %d ms before its time", w.class, w.number, (w.sent+w.delay.Nanoseconds()-d.at)/1e6)
		}
		if i > 0 {
			v.again(w, all[i-1], d)
		}
	}
	if done {
		t.Done++
	}
	if ackedOnce {
		t.Acked++
	}
	letters := v.dead[w.class][w.number]
	t.Dead += int64(min(letters, 1))
	gone := !done
	if w.conduct == rejects {
		gone = letters == 0
	}
	switch {
	case gone && !w.class.survives() && v.outageIn(w.sent, int64(1)<<62):
		t.Allowed++
	case gone:
		v.addf(&t.Lost, "%s: job %d, seq %d, was acknowledged and is neither done nor dead-lettered; it began %d times", w.class, w.number, w.seq, len(all))
	case letters > 1 || letters == 1 && w.conduct != rejects:
		v.addf(&t.Twice, "%s: job %d is %d times in the dead-letter topic", w.class, w.number, letters)
	}
}

// again judges that a job was delivered again.
func (v *verdict) again(w *written, before, after *delivery) {
	t := v.classes[w.class]
	if settled := before.end == acked || before.end == rejected; settled {
		if w.class.survives() || !v.outageIn(before.at, after.at) {
			v.addf(&t.Back, "%s: job %d, seq %d, began again after it was %s", w.class, w.number, w.seq, before.end)
			return
		}
		t.ByServerKill++
		return
	}
	killed := v.killed[before.worker]
	switch {
	case before.end == returned:
		t.ByReturn++
	case killed != 0 && killed < after.at:
		t.ByWorkerKill++
	case v.outageIn(before.at, after.at):
		t.ByServerKill++
	case before.end == lost || before.end == unknown:
		t.ByLoss++
	default:
		v.addf(&t.Causeless, "%s: job %d, seq %d, of %s began again at %s while nothing had happened to %s, whose last event is %q",
			w.class, w.number, w.seq, before.worker, after.worker, before.lease, before.end)
	}
}

// groups judges the order within groups of the classes that survive kills: when
// a job begins, all older ones of its group are done and begin no more.
func (v *verdict) groups(deliveries map[int][]*delivery) {
	type place struct {
		class class
		group string
	}
	members := make(map[place][]*written)
	for i := range v.written {
		if w := &v.written[i]; w.group != "" && w.class.survives() {
			members[place{w.class, w.group}] = append(members[place{w.class, w.group}], w)
		}
	}
	for at, all := range members {
		slices.SortFunc(all, func(a, b *written) int { return cmp.Compare(a.seq, b.seq) })
		var over int64 // when all older ones were
		var last *written
		for _, w := range all {
			first, end := span(deliveries[w.number])
			if first > 0 && first < over {
				v.addf(&v.classes[at.class].Disorder, "%s: group %s: job %d, seq %d, began %d us before job %d, seq %d, was over",
					at.class, at.group, w.number, w.seq, (over-first)/1000, last.number, last.seq)
			}
			if end > over {
				over, last = end, w
			}
		}
	}
}

// span returns when a job first began, and when it was over: it was done, or
// given up, and had begun for the last time. A delivery whose lease was lost may
// have begun after that, because its worker had not been told.
func span(all []*delivery) (first, end int64) {
	for _, d := range all {
		if d.end == lost || d.end == unknown {
			continue
		}
		if first == 0 {
			first = d.at
		}
		end = max(end, d.at)
	}
	for _, d := range all {
		if d.finished > 0 {
			return first, max(end, d.finished)
		}
	}
	return first, end
}
