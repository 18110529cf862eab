package audit

import (
	"net"
	"time"
)

const (
	// repeatTime is for how long a read that is on the trail stands for those that
	// repeat it: a console asks for the same every few seconds.
	repeatTime = time.Minute
	// maxReads is how many different reads are remembered for that. Those beyond it are
	// all on the trail.
	maxReads = 1000
)

// repeats are the reads that are on the trail and stand for those that repeat them. The
// zero repeats is empty.
type repeats struct {
	reads map[read]*repeated
	queue []*repeated // the same, in the order in which their minutes began
}

// read is what is equal in two reads of which the second is a repeat.
type read struct{ key, host, route, target, outcome string }

// repeated is a read that is on the trail.
type repeated struct {
	what  read
	since time.Time // the beginning of its minute
	n     int64     // repeats in that minute
	last  Entry     // the last of them, if there are any
}

func readOf(e *Entry) read {
	host, _, err := net.SplitHostPort(e.Remote) // each connection has a port of its own
	if err != nil {
		host = e.Remote
	}
	return read{e.Key, host, e.Route, e.Target, e.Outcome}
}

// fold reports whether an entry repeats a read that is remembered. It then waits for the
// end of that read's minute. If not, the entry stands for those that repeat it from now
// on, if there is room.
func (r *repeats) fold(e *Entry, now time.Time) bool {
	what := readOf(e)
	if of := r.reads[what]; of != nil {
		of.n++
		of.last = *e
		return true
	}
	if len(r.reads) < maxReads {
		if r.reads == nil {
			r.reads = map[read]*repeated{}
		}
		of := &repeated{what: what, since: now}
		r.reads[what] = of
		r.queue = append(r.queue, of)
	}
	return false
}

// over ends the minutes that are over, and returns the entries that waited for it. A read
// that was repeated begins a minute anew, because its entry stands for the next ones; one
// that was not is forgotten.
//
// All minutes are equally long, so those that began first end first. Where the clock was
// set back by less than a minute, one that began afterwards may end with the one before
// it: it is less than two minutes long.
func (r *repeats) over(now time.Time) (due []Entry) {
	for len(r.queue) > 0 && !r.queue[0].lasts(now) {
		of := r.queue[0]
		r.queue[0] = nil
		r.queue = r.queue[1:]
		if of.n == 0 {
			delete(r.reads, of.what)
			continue
		}
		due = append(due, of.entry())
		*of = repeated{what: of.what, since: now}
		r.queue = append(r.queue, of)
	}
	return due
}

// end forgets all reads, and returns the entries that waited for the ends of their minutes.
func (r *repeats) end() (due []Entry) {
	for _, of := range r.queue {
		if of.n > 0 {
			due = append(due, of.entry())
		}
	}
	*r = repeats{}
	return due
}

// lasts reports whether the minute is not over. It is over, too, if the clock was set back
// by more than that.
func (of *repeated) lasts(now time.Time) bool { return now.Sub(of.since).Abs() < repeatTime }

// entry returns the entry of the last repeat, which counts those before it. There must be
// a repeat.
func (of *repeated) entry() Entry {
	e := of.last
	e.Suppressed, e.late = of.n-1, true
	return e
}
