package audit

// ring keeps the last Kept entries. The zero ring is empty.
type ring struct {
	entries []Entry
	next    int // where in entries the next one goes, once there are Kept
}

func (r *ring) add(e *Entry) {
	if len(r.entries) < Kept {
		r.entries = append(r.entries, *e)
		return
	}
	r.entries[r.next] = *e
	r.next = (r.next + 1) % Kept
}

// newest returns the entry that n others came after, or nil if there are not so many.
func (r *ring) newest(n int) *Entry {
	size := len(r.entries)
	if n >= size {
		return nil
	}
	return &r.entries[(r.next+size-1-n)%size]
}
