package queues

import (
	"strconv"

	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
)

// jobOverhead is about what a claimed job takes beside its record, in bytes.
const jobOverhead = 128

// SizeOfJobs is about what jobs take when they are rendered, in bytes.
func SizeOfJobs(list []jobs.Job) (n int) {
	for i := range list {
		r := &list[i].Record
		n += len(r.Data) + len(r.Meta) + len(r.Tag) + len(r.Node) + len(r.Job) + render.Overhead + jobOverhead
	}
	return n
}

// AppendJob renders the members of a job that was delivered, without braces.
func AppendJob(b []byte, j *jobs.Job) []byte {
	b = append(b, `"$seq":`...)
	b = strconv.AppendUint(b, j.Seq, 10)
	b = append(b, `,"lease_id":"`...)
	b = append(b, j.Lease.String()...)
	b = append(b, `","deadline":`...)
	b = strconv.AppendInt(b, j.Deadline, 10)
	b = append(b, `,"deliveries":`...)
	b = strconv.AppendUint(b, uint64(j.Deliveries), 10)
	b = append(b, `,"$ts":`...)
	b = strconv.AppendInt(b, j.TS, 10)
	return render.Members(b, &j.Record, render.Fields{Data: true, Meta: true, Tags: true})
}

// AppendClaimed renders the members of a claim's answer, without braces and
// without what stands at the end of every answer.
func AppendClaimed(b []byte, topic string, done *jobs.Claimed) []byte {
	b = append(b, `"topic":"`...)
	b = append(b, topic...) // a checked name needs no escapes
	b = append(b, `","claimed":[`...)
	for i := range done.Jobs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendJob(append(b, '{'), &done.Jobs[i]), '}')
	}
	b = append(b, `],"count":`...)
	b = strconv.AppendInt(b, int64(len(done.Jobs)), 10)
	b = append(b, `,"ready":`...)
	return strconv.AppendInt(b, done.Counts.Ready, 10)
}

// Answer is what a call on jobs answers.
type Answer struct {
	Verb   string // the member with the number of those it did
	topic  string
	then   []string // the topics of the writes that an ack brought
	Result *jobs.Result
}

// Append renders the members of the answer, like AppendClaimed.
func (a *Answer) Append(b []byte) []byte {
	r := a.Result
	b = append(b, `"topic":"`...)
	b = append(b, a.topic...)
	b = append(append(append(b, `","`...), a.Verb...), `":`...)
	b = strconv.AppendInt(b, int64(len(r.Done)), 10)
	b = appendSkipped(b, r.Skipped)
	if a.Verb == "extended" {
		b = appendDeadlines(b, r)
	}
	b = append(b, `,"ready":`...)
	b = strconv.AppendInt(b, r.Counts.Ready, 10)
	b = append(b, `,"in_flight":`...)
	b = strconv.AppendInt(b, r.Counts.InFlight, 10)
	if len(a.then) == 0 {
		return b
	}
	b = append(b, `,"then":[`...)
	for i, topic := range a.then {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(render.Written(append(b, '{'), topic, &r.Then[i], true), '}')
	}
	return append(b, ']')
}

// appendSkipped renders the jobs that a call left alone, in the order in which
// they were asked for, and why it did.
func appendSkipped(b []byte, skipped []queue.Skip) []byte {
	b = append(b, `,"skipped":[`...)
	for i, s := range skipped {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, s.Seq, 10)
	}
	b = append(b, `],"reasons":{`...)
	for i, s := range skipped {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = strconv.AppendUint(b, s.Seq, 10)
		b = append(append(append(b, `":"`...), s.Why...), '"')
	}
	return append(b, '}')
}

// appendDeadlines renders the deadlines that an extend gave, by seq.
func appendDeadlines(b []byte, r *jobs.Result) []byte {
	b = append(b, `,"deadlines":{`...)
	for i, seq := range r.Done {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = strconv.AppendUint(b, seq, 10)
		b = strconv.AppendInt(append(b, `":`...), r.Deadlines[seq], 10)
	}
	return append(b, '}')
}

// AppendLost renders the members of what says that a job is lost.
func AppendLost(b []byte, topic string, l *queue.Loss) []byte {
	b = render.Member(b, "topic", topic)
	b = render.Number(append(b, ','), "$seq", l.Seq)
	b = render.Member(append(b, ','), "lease_id", l.Lease.String())
	return render.Member(append(b, ','), "reason", string(l.Why))
}
