package record

import "encoding/binary"

// Job is what a write says of the job that its record is in a queue. It lasts
// as long as the record. In a topic that is no queue it means nothing.
type Job struct {
	Group    []byte // jobs of one group are delivered one after the other; nil if it has none
	Key      []byte // no two live jobs of a queue have the same; nil if it has none
	Priority int8   // higher ones are delivered first
	// Due is when the job may first be delivered, in Unix ms; 0 if at once.
	Due int64
	// ByWall reports whether Due was given as a time. Otherwise it was given as a
	// delay, which the server's steady clock measures while it runs.
	ByWall bool
	// Dead reports whether the record is a dead letter: the job is kept for its
	// replay, and means nothing where the record is.
	Dead bool
}

const (
	jobGroup = 1 << iota
	jobKey
	jobPriority
	jobDue
	jobByWall
	jobDead

	jobFlags = jobGroup | jobKey | jobPriority | jobDue | jobByWall | jobDead
)

// Encode returns what Record.Job has of j: nil if j says nothing.
//
//	flags | [group length, group] | [key length, key] | [priority] | [due]
func (j *Job) Encode() []byte {
	var flags byte
	if j.Group != nil {
		flags |= jobGroup
	}
	if j.Key != nil {
		flags |= jobKey
	}
	if j.Priority != 0 {
		flags |= jobPriority
	}
	if j.Due != 0 {
		flags |= jobDue
		if j.ByWall {
			flags |= jobByWall
		}
	}
	if flags == 0 {
		return nil
	}
	if j.Dead {
		flags |= jobDead
	}
	b := make([]byte, 1, 1+2*binary.MaxVarintLen16+len(j.Group)+len(j.Key)+1+binary.MaxVarintLen64)
	b[0] = flags
	if j.Group != nil {
		b = AppendBytes(b, j.Group)
	}
	if j.Key != nil {
		b = AppendBytes(b, j.Key)
	}
	if j.Priority != 0 {
		b = append(b, byte(j.Priority))
	}
	if j.Due != 0 {
		b = binary.AppendVarint(b, j.Due)
	}
	return b
}

// DecodeJob is Encode's inverse. The job's slices alias b. Bytes that Encode
// would not have made are malformed.
func DecodeJob(b []byte) (Job, error) {
	var j Job
	if b == nil {
		return j, nil
	}
	d := NewDecoder(b)
	flags := d.Byte()
	if flags&jobGroup != 0 {
		j.Group = d.Bytes()
	}
	if flags&jobKey != 0 {
		j.Key = d.Bytes()
	}
	if flags&jobPriority != 0 {
		j.Priority = int8(d.Byte())
		if j.Priority == 0 {
			d.Fail()
		}
	}
	if flags&jobDue != 0 {
		j.Due, j.ByWall = d.Varint(), flags&jobByWall != 0
		if j.Due == 0 {
			d.Fail()
		}
	}
	j.Dead = flags&jobDead != 0
	if d.Failed() || d.Left() > 0 || flags&^byte(jobDead) == 0 || flags&^byte(jobFlags) != 0 || flags&(jobDue|jobByWall) == jobByWall {
		return Job{}, ErrMalformed
	}
	return j, nil
}

// copied returns an encoded job as a forwarded copy has it: without its unique
// key, and no dead letter's. Bytes that are no job stay as they are.
func copied(b []byte) []byte {
	if len(b) == 0 || b[0]&(jobKey|jobDead) == 0 {
		return b
	}
	j, err := DecodeJob(b)
	if err != nil {
		return b
	}
	j.Key, j.Dead = nil, false
	return j.Encode()
}
