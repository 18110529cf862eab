package queues

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
)

// maxThen is how many writes an ack may bring.
const maxThen = 10

// The fields of what a worker sends, over HTTP and over a WebSocket.
var (
	ClaimFields   = []string{"node", "max", "lease_ms", "wait_ms"}
	WorkFields    = []string{"node", "max", "lease_ms"}
	AckFields     = []string{"node", "seqs", "lease_ids", "then"}
	nackFields    = []string{"node", "seqs", "lease_ids", "delay_ms", "dead", "reason", "unstarted", "leaving"}
	extendFields  = []string{"node", "seqs", "lease_ids", "lease_ms"}
	releaseFields = []string{"seqs"}
	thenFields    = slices.Concat([]string{"topic"}, request.WriteFields)
)

// Request is what a worker sends of jobs. Which fields it may have depends on
// the call.
type Request struct {
	Topic  string // of the path, or of a command of a WebSocket
	node   string
	seqs   []uint64        // nil: they were not sent
	leases []queue.LeaseID // nil: they were not sent

	max     int64
	leaseMS int64
	waitMS  int64

	back queue.Return
	then []thenRequest
}

// thenRequest is a write that an ack brings.
type thenRequest struct {
	topic string
	write *request.WriteRequest
}

// Decode reads the body of a call that has these fields. Null for one of
// them is the same as leaving it out.
func Decode(body []byte, known []string, l *wire.Limits, notes *wire.Notices) (*Request, error) {
	r := &Request{max: 1}
	if body != nil {
		f := wire.ReadFields(body, notes)
		f.Enter("the body")
		for f.NextField() {
			if f.Absent(known) {
				continue
			}
			name := string(f.Name())
			if !slices.Contains(known, name) {
				f.Unknown(known)
				continue
			}
			readJobField(&f, name, r, l)
		}
		if err := f.Finish(); err != nil {
			return nil, err
		}
	}
	return r, r.check(known, notes)
}

// readJobField reads the value of a field of a call on jobs.
func readJobField(f *wire.Fields, name string, r *Request, l *wire.Limits) {
	switch name {
	case "op", "request_id": // decodeCommand has them
		f.Skip()
	case "topic":
		r.Topic = f.ReadString(name)
	case "node":
		r.node = string(f.ReadText(name, l.MaxNodeBytes))
	case "max":
		r.max = f.ReadInt(name)
	case "lease_ms":
		r.leaseMS = f.ReadInt(name)
	case "wait_ms":
		r.waitMS = min(f.ReadSize(name), request.MaxWaitMS)
	case "seqs":
		r.seqs = readSeqs(f, l)
	case "lease_ids":
		r.leases = readLeases(f, l)
	case "delay_ms":
		r.back.DelayMS, r.back.Delayed = f.ReadInt(name), true
	case "dead":
		r.back.Dead = f.ReadBool(name)
	case "reason":
		r.back.Reason = string(f.ReadText(name, queue.MaxReasonBytes))
	case "unstarted":
		r.back.Unstarted = f.ReadBool(name)
	case "leaving":
		r.back.Leaving = f.ReadBool(name)
	case "then":
		r.then = readThen(f, l)
	}
}

// readSeqs reads the seqs of jobs.
func readSeqs(f *wire.Fields, l *wire.Limits) []uint64 {
	seqs := make([]uint64, 0, 8)
	f.Array()
	for f.Check("seqs") && f.NextElement() {
		if len(seqs) == l.MaxClaim {
			tooMany(f, "seqs", l.MaxClaim)
			break
		}
		seqs = append(seqs, f.ReadUint("seqs"))
	}
	return seqs
}

// readLeases reads lease IDs. Text that is none stands for a lease that was never
// given.
func readLeases(f *wire.Fields, l *wire.Limits) []queue.LeaseID {
	leases := make([]queue.LeaseID, 0, 8)
	f.Array()
	for f.Check("lease_ids") && f.NextElement() {
		if len(leases) == l.MaxClaim {
			tooMany(f, "lease_ids", l.MaxClaim)
			break
		}
		id, _ := queue.ParseLeaseID(f.ReadString("lease_ids"))
		leases = append(leases, id)
	}
	return leases
}

func tooMany(f *wire.Fields, name string, most int) {
	f.Fail(wire.TooLarge("batch_too_large", fmt.Sprintf("%s: at most %d are allowed", name, most),
		map[string]any{"field": name, "max": most}))
}

// readThen reads the writes that an ack brings. Together they have as many records
// as one write may have.
func readThen(f *wire.Fields, l *wire.Limits) (writes []thenRequest) {
	f.Array()
	total := 0
	for f.Check("then") && f.NextElement() {
		if len(writes) == maxThen {
			tooMany(f, "then", maxThen)
			break
		}
		scope := fmt.Sprintf("then[%d]", len(writes))
		f.Enter(scope)
		f.SetScope(scope + ".")
		t := thenRequest{write: new(request.WriteRequest)}
		request.ReadWrite(f, t.write, l, request.Beside{Known: thenFields, Read: func(f *wire.Fields) {
			if string(f.Name()) == "topic" {
				t.topic = f.ReadString("topic")
				return
			}
			f.Unknown(thenFields)
		}})
		checkThen(f, &t)
		f.SetScope("")
		total += len(t.write.Records)
		if total > l.MaxBatchRecords {
			f.Fail(wire.TooLarge("batch_too_large", fmt.Sprintf("the writes of an ack take at most %d records together", l.MaxBatchRecords),
				map[string]any{"field": "then", "max": l.MaxBatchRecords}))
		}
		writes = append(writes, t)
	}
	return writes
}

// checkThen refuses a write that lacks something.
func checkThen(f *wire.Fields, t *thenRequest) {
	if len(t.write.Records) == 0 {
		f.Refuse("records", "at least one record is needed")
	}
	if t.topic == "" {
		f.Refuse("topic", "is needed")
	} else if err := record.CheckName(t.topic); err != nil {
		f.Refuse("topic", "%s", err.Message)
	}
}

// ReadWorker reads what the worker of a stream wants in the query.
func ReadWorker(p *wire.Params, l *wire.Limits) *jobs.Claim {
	r := Request{node: p.Get("node"), max: p.Int("max", 1), leaseMS: p.Int("lease_ms", 0)}
	switch {
	case r.node == "":
		p.Refuse("node", "is needed: who takes the jobs")
	case len(r.node) > l.MaxNodeBytes:
		p.Refuse("node", "has %d bytes; at most %d are allowed", len(r.node), l.MaxNodeBytes)
	}
	return r.Claim(l)
}

// check holds the fields against each other.
func (r *Request) check(known []string, notes *wire.Notices) error {
	needs := func(name string) bool { return slices.Contains(known, name) }
	switch {
	case needs("node") && r.node == "":
		return wire.InvalidField("node", "is needed: who takes the jobs, or has them")
	case needs("seqs") && r.seqs == nil:
		return wire.InvalidField("seqs", "is needed: the jobs' seqs, or an empty array")
	case r.leases != nil && len(r.leases) != len(r.seqs):
		return wire.InvalidField("lease_ids", "has %d elements, and seqs has %d: each seq needs its own", len(r.leases), len(r.seqs))
	case r.back.Reason != "" && !r.back.Dead:
		return notes.Add("reason", "reason has no effect without dead")
	}
	return nil
}

// jobRoom is about what a job takes that a call names: its seq and lease as they are
// decoded, and why it is skipped or until when it is leased, in the result and rendered.
const jobRoom = 200

// Room returns the memory that the request and its answer take, in bytes. It is taken
// before the call is carried out, because afterwards nothing may be refused.
func (r *Request) Room() int64 { return call.BeyondFirst(jobRoom * len(r.seqs)) }

// Waits reports whether a claim waits for jobs.
func (r *Request) Waits() bool { return r.waitMS > 0 }

// Writes reports whether an ack brings writes.
func (r *Request) Writes() bool { return len(r.then) > 0 }

// Configures reports whether a write of an ack brings a config, which the audit
// trail has.
func (r *Request) Configures() bool {
	return slices.ContainsFunc(r.then, func(t thenRequest) bool { return t.write.Config != nil })
}

// Claim is what the engine is asked for.
func (r *Request) Claim(l *wire.Limits) *jobs.Claim {
	most := int(min(max(r.max, 1), int64(l.MaxClaim)))
	return &jobs.Claim{Node: r.node, Max: most, LeaseMS: r.leaseMS, WaitMS: r.waitMS}
}

func (r *Request) call() queue.Call {
	return queue.Call{Node: r.node, Seqs: r.seqs, Leases: r.leases}
}
