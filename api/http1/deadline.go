package http1

import "time"

// deadline is one of the deadlines of a connection. Setting one takes more time
// than looking at it, so that it is set for longer than needed, and then left
// alone for as long as it lasts.
type deadline struct {
	set func(time.Time) error
	at  time.Time // zero for none
	// explicit is true if it is an exact one, which atLeast must not extend.
	explicit bool
}

// atLeast makes the deadline one that is over after timeout, or up to a quarter of
// it later. There is none if timeout is 0.
func (d *deadline) atLeast(now time.Time, timeout time.Duration) {
	if timeout <= 0 {
		if !d.at.IsZero() {
			d.to(time.Time{})
		}
		return
	}
	longest := timeout + timeout/4
	left := d.at.Sub(now)
	if d.at.IsZero() || left < timeout || left > longest {
		d.to(now.Add(longest))
	}
}

// exactly makes the deadline one that is over after timeout, until settle; 0 is
// none.
func (d *deadline) exactly(now time.Time, timeout time.Duration) {
	d.explicit = true
	if timeout <= 0 {
		d.to(time.Time{})
		return
	}
	d.to(now.Add(timeout))
}

// override sets the deadline, until settle.
func (d *deadline) override(at time.Time) {
	d.explicit = true
	d.to(at)
}

// settle ends what override and exactly have set.
func (d *deadline) settle() {
	if d.explicit {
		d.explicit = false
		d.to(time.Time{})
	}
}

// to sets the deadline. The error is that of a closed connection, which whoever
// reads or writes gets, too.
func (d *deadline) to(at time.Time) {
	d.at = at
	_ = d.set(at)
}
