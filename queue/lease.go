package queue

import (
	"strconv"
	"strings"
)

// LeaseID names one delivery of a job for ever. Epoch is drawn at random when
// the process opens the queue, N counts the leases that it then gives.
type LeaseID struct{ Epoch, N uint64 }

const leasePrefix = "lease_"

func (id LeaseID) String() string {
	return leasePrefix + digits(id.Epoch) + digits(id.N)
}

// digits is n in 16 hexadecimal digits.
func digits(n uint64) string {
	s := strconv.FormatUint(n, 16)
	return strings.Repeat("0", 16-len(s)) + s
}

// ParseLeaseID reads what String returns. Anything else is no lease that was
// ever given.
func ParseLeaseID(s string) (LeaseID, bool) {
	if len(s) != len(leasePrefix)+32 {
		return LeaseID{}, false
	}
	half := len(leasePrefix) + 16
	epoch, _ := strconv.ParseUint(s[len(leasePrefix):half], 16, 64)
	n, _ := strconv.ParseUint(s[half:], 16, 64)
	id := LeaseID{epoch, n}
	return id, id.String() == s
}

// lease is the holder of a job and the end of its time. A lease that expired stays with the job
// until its next delivery: a call that arrived in time still counts when it
// comes by after the timer.
type lease struct {
	id       LeaseID
	deadline int64 // the last ms of it
	node     string
	stream   *Waiter // that it was given to, or nil for a claim
}

// unlease ends the lease of a job that is in flight, or about to be.
func (q *Queue) unlease(j *job) {
	if j.lease == nil || j.state != InFlight && j.pending != Claim {
		return
	}
	if w := j.lease.stream; w != nil {
		q.freed(w, j.seq)
	}
}

// Reason is why a call skipped a job, or why a stream lost one.
type Reason string

// The reasons. Held is also a job on which another call is under way.
const (
	Gone     Reason = "gone"
	Expired  Reason = "expired"
	Held     Reason = "held"
	Unknown  Reason = "unknown"
	Released Reason = "released" // of a loss only
)

// Skip is a job that a call did not touch.
type Skip struct {
	Seq uint64
	Why Reason
}

// Call names jobs and the caller that holds them. Leases is nil, or has an ID for each
// seq: then the lease must match as well as the node.
type Call struct {
	Node   string
	Seqs   []uint64
	Leases []LeaseID
}

// held returns the job if the caller holds its i-th job at now.
func (q *Queue) held(now Time, call *Call, i int) (*job, Reason) {
	j, why := q.idle(call.Seqs[i])
	if j == nil {
		return nil, why
	}
	l := j.lease
	switch {
	case l == nil && j.is(delivered):
		return nil, Expired
	case l == nil:
		return nil, Unknown
	case l.node != call.Node || call.Leases != nil && l.id != call.Leases[i]:
		if j.state == InFlight && now.Mono <= l.deadline {
			return nil, Held
		}
		return nil, Expired
	case now.Mono > l.deadline:
		return nil, Expired
	}
	return j, ""
}

// idle returns the state of a job with no call under way.
func (q *Queue) idle(seq uint64) (*job, Reason) {
	j := q.known(seq)
	switch {
	case j == nil && seq > q.head || seq == 0:
		return nil, Unknown
	case j == nil && !q.records.Live(seq):
		return nil, Gone
	case j == nil:
		return nil, Unknown
	case j.pending != 0:
		return nil, Held
	}
	return j, ""
}
