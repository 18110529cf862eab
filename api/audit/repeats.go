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
type repeats map[read]*repeated

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
	if of := (*r)[what]; of != nil {
		if age := now.Sub(of.noted); age >= 0 && age < repeatTime {
			of.n++
			return true
		}
		e.Suppressed = of.n
		of.noted, of.n = now, 0
		return false
	}
	if len(*r) >= maxReads {
		r.forget(now)
	}
	if len(*r) < maxReads {
		if *r == nil {
			*r = repeats{}
		}
		(*r)[what] = &repeated{noted: now}
	}
	return false
}

// forget removes the reads that have not been repeated for so long that nothing is to be
// reported of them.
func (r *repeats) forget(now time.Time) {
	for what, of := range *r {
		if age := now.Sub(of.noted); age < 0 || age >= repeatTime {
			delete(*r, what)
		}
	}
}
