package socket

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
)

// socketWork is a stream of jobs over a socket.
type socketWork struct {
	socket *Socket
	topic  string
	worker *jobs.Worker
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing more is sent
}

// work opens a stream of jobs.
func (so *Socket) work(cmd *jobCommand) error {
	set := so.set
	w, err := so.openWork(cmd)
	if err != nil {
		return so.refuseJobs(cmd, err)
	}
	set.Observe(cmd.op, nil)
	ctx, cancel := context.WithCancel(so.ctx)
	w.cancel = cancel
	stop := context.AfterFunc(set.Serving, cancel)
	b := appendTopic(beginMessage(nil, "working", cmd.id), cmd.Topic)
	if err = so.out.send(endMessage(b, &cmd.notes)); err != nil {
		cancel()
	}
	so.tasks.Go(func() {
		defer close(w.done)
		defer cancel()
		defer stop()
		defer so.jobs.drop(w)
		defer w.worker.Close()
		so.guard(func() { w.run(ctx) })
	})
	return err
}

// openWork opens a worker, unless the socket has too many, or one of the queue.
func (so *Socket) openWork(cmd *jobCommand) (*socketWork, error) {
	j := &so.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.works[cmd.Topic] != nil:
		return nil, wire.InvalidField("topic", "there is a stream of %q already: stop it first", cmd.Topic)
	case len(j.works) == maxWorks:
		return nil, wire.Invalid("a socket may have streams of at most %d queues", maxWorks)
	}
	worker, err := so.set.Engine().Work(cmd.Topic, cmd.Claim(so.set.Limits))
	if err != nil {
		return nil, err
	}
	w := &socketWork{socket: so, topic: cmd.Topic, worker: worker, done: make(chan struct{})}
	j.works[cmd.Topic] = w
	return w, nil
}

// queues are those that there are streams of, in no order.
func (j *socketJobs) queues() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Collect(maps.Keys(j.works))
}

// drop forgets a stream that has ended.
func (j *socketJobs) drop(w *socketWork) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.works[w.topic] == w {
		delete(j.works, w.topic)
	}
}

// stop ends a stream of jobs. Nothing of it comes behind the answer, and the jobs
// that it had are ready again.
func (so *Socket) stop(cmd *jobCommand) error {
	so.jobs.mu.Lock()
	w := so.jobs.works[cmd.Topic]
	so.jobs.mu.Unlock()
	if w == nil {
		return so.refuseJobs(cmd, wire.InvalidField("topic", "there is no stream of %q", cmd.Topic))
	}
	w.cancel()
	<-w.done
	so.set.Observe(cmd.op, nil)
	return so.out.send(endMessage(stoppedMessage(cmd.id, cmd.Topic, "asked"), &cmd.notes))
}

// stoppedMessage says that a stream has ended, all but the closing brace.
func stoppedMessage(id []byte, topic, reason string) []byte {
	b := appendTopic(beginMessage(nil, "stopped", id), topic)
	return render.String(append(b, `,"reason":`...), []byte(reason))
}

// run sends jobs, and what is lost of them, until the queue or the socket goes.
func (w *socketWork) run(ctx context.Context) {
	out := &w.socket.out
	for {
		event, err := w.worker.Next(ctx)
		var e *record.Error
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &e) && e.Kind == record.KindNotFound:
			w.socket.jobs.drop(w)                                              // the client may open another one at once
			_ = out.send(append(stoppedMessage(nil, w.topic, "deleted"), '}')) // the client may be gone
			return
		case err != nil:
			_ = out.send(errorMessage(nil, w.topic, w.socket.explain(err))) // as above
			return
		}
		if err := w.send(&event); err != nil {
			return
		}
	}
}

// send sends what a worker has to tell.
func (w *socketWork) send(event *jobs.Event) error {
	for i := range event.Lost {
		b := queues.AppendLost(append(beginMessage(nil, "lost", nil), ','), w.topic, &event.Lost[i])
		if err := w.socket.out.send(append(b, '}')); err != nil {
			return err
		}
	}
	for i := range event.Jobs {
		b := append(appendTopic(beginMessage(nil, "job", nil), w.topic), ',')
		if err := w.socket.out.send(append(queues.AppendJob(b, &event.Jobs[i]), '}')); err != nil {
			return err
		}
	}
	return nil
}
