package socket

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

const (
	// maxJobCalls is how many calls on jobs of a socket may be without their
	// answer. Beyond, the socket reads no further until one is answered.
	maxJobCalls = 64
	// maxClaims is how many claims of a socket may wait.
	maxClaims = 16
	// maxWorks is how many queues a socket may have streams of.
	maxWorks = 16
)

// socketJobs is what a socket has to do with queues.
type socketJobs struct {
	calls  chan struct{} // one taken for each call without its answer
	claims chan struct{} // one taken for each claim that waits

	mu    sync.Mutex // guards works
	works map[string]*socketWork
}

func newSocketJobs() socketJobs {
	return socketJobs{
		calls: make(chan struct{}, maxJobCalls), claims: make(chan struct{}, maxClaims), works: map[string]*socketWork{},
	}
}

// underway reports whether answers are outstanding.
func (j *socketJobs) underway() bool { return len(j.calls)+len(j.claims) > 0 }

// jobCommand is a command on jobs.
type jobCommand struct {
	*queues.Request
	op    string
	id    []byte // request_id
	size  int    // of the message
	began time.Time
	notes wire.Notices
}

// jobOp is what there is to know of the commands of one op.
type jobOp struct {
	fields []string // beside op, request_id and topic
	scope  auth.Scope
	carry  func(*Socket, *jobCommand) error
}

func jobCallOp(what *queues.Call) jobOp {
	return jobOp{what.Fields, auth.Write, func(so *Socket, cmd *jobCommand) error { return so.jobCall(cmd, what) }}
}

// jobOps are the commands on jobs.
var jobOps = map[string]jobOp{
	"claim":  {queues.ClaimFields, auth.Read | auth.Write, (*Socket).claim},
	"ack":    {queues.AckFields, auth.Write, (*Socket).ackJobs},
	"nack":   jobCallOp(&queues.NackCall),
	"extend": jobCallOp(&queues.ExtendCall),
	"work":   {queues.WorkFields, auth.Read | auth.Write, (*Socket).work},
	"stop":   {nil, auth.None, (*Socket).stop},
}

// carryOutJobs carries out a command on jobs.
func (so *Socket) carryOutJobs(cmd command, op jobOp, message []byte) error {
	j := &jobCommand{op: cmd.op, id: bytes.Clone(cmd.id), size: len(message), began: time.Now(), notes: so.notes()}
	known := slices.Concat(commandFields, []string{"topic"}, op.fields)
	var err error
	j.Request, err = queues.Decode(message, known, so.set.Limits, &j.notes)
	if err != nil {
		return so.refuseJobs(j, err)
	}
	if err := checkName(j.Topic); err != nil {
		return so.refuseJobs(j, err)
	}
	if op.scope != auth.None {
		if err := so.call.May(op.scope, j.Topic); err != nil {
			return so.refuseJobs(j, err)
		}
	}
	if _, err := so.engine(); err != nil {
		return so.refuseJobs(j, err)
	}
	return op.carry(so, j)
}

// refuseJobs says what is wrong with a command.
func (so *Socket) refuseJobs(cmd *jobCommand, err error) error {
	x := ""
	if cmd.Request != nil && checkName(cmd.Topic) == nil {
		x = cmd.Topic
	}
	e := so.explain(err)
	so.set.Observe(cmd.op, e)
	return so.out.send(errorMessage(cmd.id, x, e))
}

// endJobs ends an answer with what stands at the end of all.
func (cmd *jobCommand) endJobs(b []byte, cost *topic.Cost) []byte {
	b = cmd.notes.AppendTo(append(b, ','))
	return append(wire.AppendSpent(b, cmd.began, wire.CostWrite, cost), '}')
}

// apart carries out a call in a goroutine of its own: the reader goes on.
func (so *Socket) apart(slots chan struct{}, call func()) {
	so.tasks.Go(func() {
		defer func() {
			<-slots
			if so.retiring() {
				so.Wake()
			}
		}()
		so.guard(call)
	})
}

// jobCall carries out a nack or an extend.
func (so *Socket) jobCall(cmd *jobCommand, what *queues.Call) error {
	return so.beside(cmd, func() {
		answer, err := what.CarryOut(so.ctx, so.set.Engine(), cmd.Request)
		_ = so.answerJobs(cmd, answer, err) // the client may be gone
	})
}

// beside carries out a call that does not wait for jobs, with the memory for its answer,
// beside the reader.
func (so *Socket) beside(cmd *jobCommand, call func()) error {
	select {
	case so.jobs.calls <- struct{}{}:
	case <-so.ctx.Done():
		return errGone
	}
	release, err := so.call.TakeFollowing(cmd.Room())
	if err != nil {
		<-so.jobs.calls
		return so.refuseJobs(cmd, err)
	}
	so.apart(so.jobs.calls, func() {
		defer release()
		call()
	})
	return nil
}

// answerJobs answers a call on jobs.
func (so *Socket) answerJobs(cmd *jobCommand, a *queues.Answer, err error) error {
	if err != nil {
		return so.refuseJobs(cmd, err)
	}
	so.set.Observe(cmd.op, nil)
	b := a.Append(append(beginMessage(nil, a.Verb, cmd.id), ','))
	return so.out.send(cmd.endJobs(b, &a.Result.Cost))
}

// ackJobs carries out an ack. With writes the reader does it, because they are
// in its buffer.
func (so *Socket) ackJobs(cmd *jobCommand) error {
	ack := func() error {
		answer, err := so.set.Queues.CarryOutAck(so.ctx, so.call, &queues.Ack{Request: cmd.Request, Size: cmd.size, Notes: &cmd.notes})
		if cmd.Configures() {
			so.set.Trail.Note(so.call, cmd.Topic, codeOf(err), cmd.began)
		}
		return so.answerJobs(cmd, answer, err)
	}
	if !cmd.Writes() {
		return so.beside(cmd, func() { _ = ack() }) // the client may be gone
	}
	if err := so.call.Take(cmd.Room()); err != nil {
		return so.refuseJobs(cmd, err)
	}
	return ack()
}

// codeOf is the code of an error; empty for none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return wire.ErrorOf(err).Code
}

// claim carries out a claim. Commands that follow do not wait for it.
func (so *Socket) claim(cmd *jobCommand) error {
	release := func() {}
	slots := so.jobs.calls
	if cmd.Waits() {
		slots = so.jobs.claims
		select {
		case slots <- struct{}{}:
		default:
			return so.refuseJobs(cmd, call.CapReached("socket_claims", maxClaims, "claims of one WebSocket that wait"))
		}
		var err error
		if release, err = so.call.TakeFollowing(queues.ClaimCost); err != nil {
			<-slots
			return so.refuseJobs(cmd, err)
		}
	} else {
		select {
		case slots <- struct{}{}:
		case <-so.ctx.Done():
			return errGone
		}
	}
	so.apart(slots, func() {
		defer release()
		so.awaitJobs(cmd)
	})
	return nil
}

// awaitJobs claims and answers. Jobs whose answer cannot be sent go back.
func (so *Socket) awaitJobs(cmd *jobCommand) {
	set := so.set
	ctx, cancel := context.WithCancel(so.ctx)
	defer cancel()
	defer context.AfterFunc(set.Serving, cancel)()
	engine := set.Engine()
	listed := so.call.Aside(call.SocketClaim, cmd.Topic, cmd.began)
	defer listed.Leave()
	end := listed.Await(cancel)
	done, err := engine.Claim(ctx, cmd.Topic, cmd.Claim(set.Limits))
	if cancelled := end(); cancelled != nil {
		if err == nil && len(done.Jobs) > 0 {
			engine.GiveBack(cmd.Topic, done)
		}
		err = cancelled
	}
	if err != nil {
		_ = so.refuseJobs(cmd, err) // the client may be gone
		return
	}
	undo := sync.OnceFunc(func() { engine.GiveBack(cmd.Topic, done) })
	sent := false
	defer func() {
		if !sent && len(done.Jobs) > 0 {
			undo()
		}
	}()
	size := queues.SizeOfJobs(done.Jobs)
	release, err := so.call.TakeFollowing(call.BeyondFirst(size))
	if err != nil {
		undo()
		_ = so.refuseJobs(cmd, err) // as above
		return
	}
	defer release()
	so.set.Observe(cmd.op, nil)
	if len(done.Jobs) > 0 {
		set.Metrics.ObserveClaim(time.Since(cmd.began).Seconds())
	}
	b := queues.AppendClaimed(append(beginMessage(make([]byte, 0, size+firstMessage), "claimed", cmd.id), ','), cmd.Topic, done)
	sent = so.out.send(cmd.endJobs(b, &done.Cost)) == nil
}

// firstMessage is about what a message has beside its jobs, in bytes.
const firstMessage = 512
