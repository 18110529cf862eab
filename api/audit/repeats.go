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

// repeats are the reads of the last minute, each with the number of those that repeated
// it and are not on the trail. The zero repeats is empty.
type repeats struct {
	reads map[read]*repeated
	left  int64 // repeats of reads that are not remembered any more, and are on no entry yet
}

// read is what is equal in two reads of which the second is a repeat.
type read struct{ key, host, route, target, outcome string }

// repeated is a read that is on the trail.
type repeated struct {
	noted time.Time
	n     int64 // repeats of it
}

func readOf(e *Entry) read {
	host, _, err := net.SplitHostPort(e.Remote) // each connection has a port of its own
	if err != nil {
		host = e.Remote
	}
	return read{e.Key, host, e.Route, e.Target, e.Outcome}
}

// fold reports whether an entry repeats one of the last minute. If not, it sets how
// many have repeated the one before it.
func (r *repeats) fold(e *Entry, now time.Time) bool {
	what := readOf(e)
	of := r.reads[what]
	if of != nil && of.lasts(now) {
		of.n++
		return true
	}
	if of == nil && len(r.reads) >= maxReads {
		r.forget(now)
	}
	e.Suppressed, r.left = r.left, 0
	switch {
	case of != nil:
		e.Suppressed += of.n
		*of = repeated{noted: now}
	case len(r.reads) < maxReads:
		if r.reads == nil {
			r.reads = map[read]*repeated{}
		}
		r.reads[what] = &repeated{noted: now}
	}
	return false
}

// lasts reports whether a read like it is a repeat.
func (of *repeated) lasts(now time.Time) bool {
	age := now.Sub(of.noted)
	return age >= 0 && age < repeatTime
}

// forget removes the reads that do not last any more.
func (r *repeats) forget(now time.Time) {
	for what, of := range r.reads {
		if !of.lasts(now) {
			r.left += of.n
			delete(r.reads, what)
		}
	}
}
