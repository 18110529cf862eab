package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
)

// errNoQueue ends the stream of a queue that is gone.
var errNoQueue = errors.New("the queue was deleted")

// workStream is an open stream of jobs. A list of the sessions may have found it
// and read it after its request has ended, when the call serves another one.
type workStream struct {
	*eventStream
	id        string
	queue     string
	key       *auth.Key
	remote    string
	opened    time.Time
	worker    *jobs.Worker
	heartbeat time.Duration
	carried   session.Flow
}

// Follows implements subject.
func (w *workStream) Follows(asked func(topic string) bool) bool { return asked(w.queue) }

// Cursors implements subject: a worker has none.
func (w *workStream) Cursors() []watch.Cursor { return nil }

// queues are those of which it gets jobs.
func (w *workStream) Queues() []string { return []string{w.queue} }

// work streams jobs to a worker for as long as it stays. The jobs that it has
// then go back.
func (s *Server) work(c *call.Call) error {
	claim, heartbeat, err := s.workRequest(c)
	if err != nil {
		return err
	}
	if c.Request.Method == http.MethodHead {
		return s.workHead(c)
	}
	release, err := c.TakeStream()
	if err != nil {
		return err
	}
	defer release()
	worker, err := s.opened().Work(c.Topic, claim)
	if err != nil {
		return err
	}
	leave := sync.OnceFunc(worker.Close)
	defer leave()
	w := &workStream{
		eventStream: &eventStream{
			server: s, call: c, control: http.NewResponseController(c.Writer), patience: s.watches.patience, done: make(chan struct{}),
		},
		id: newWorkID(), queue: c.Topic, key: c.Key, remote: c.Request.RemoteAddr, opened: s.opts.Now(), worker: worker, heartbeat: heartbeat,
	}
	w.flow = &w.carried
	w.flow.Begin(0)
	w.ctx, w.cancel = context.WithCancelCause(c.Request.Context())
	defer w.cancel(nil)
	s.workers.enter(w)
	defer s.workers.leave(w)
	if !s.bounds.Keys().Knows(c.Key) { // ReplaceKeys may have looked before it entered
		return call.ErrRevoked
	}
	defer context.AfterFunc(s.ctx, func() { w.end(wire.ShuttingDown()) })()
	c.Give()
	c.LetGo() // a stream may be idle for days
	c.Outlast()
	beginEvents(c)
	err = w.run()
	leave() // before the last words, which a client may be slow to take
	if errors.Is(err, errNoQueue) {
		return w.sayDeleted()
	}
	return w.farewell(err)
}

// workRequest reads what a worker wants in the query.
func (s *Server) workRequest(c *call.Call) (*jobs.Claim, time.Duration, error) {
	if err := c.CheckTopic(); err != nil {
		return nil, 0, err
	}
	if err := acceptsEvents(c); err != nil {
		return nil, 0, err
	}
	query, err := c.Query()
	if err != nil {
		return nil, 0, err
	}
	p := wire.ReadParams(query)
	claim := queues.ReadWorker(&p, &s.opts.Limits)
	beat := time.Duration(min(p.Int("heartbeat_ms", request.DefaultHeartbeat.Milliseconds()), request.MaxHeartbeat.Milliseconds())) * time.Millisecond
	return claim, max(beat, request.MinHeartbeat), p.Err()
}

// workHead answers what a stream would begin with.
func (s *Server) workHead(c *call.Call) error {
	st, err := s.opened().State(c.Topic, false)
	if err != nil {
		return err
	}
	if st.Config.Type != record.TypeQueue {
		return queues.NotQueue(c.Topic)
	}
	beginEvents(c)
	return nil
}

// run sends until the client, the queue or the server goes.
func (w *workStream) run() error {
	err := context.Cause(w.ctx)
	if err == nil {
		err = w.send(append([]byte("retry: 2000\n\n"), warnings(w.call)...))
	}
	for err == nil {
		err = w.next()
	}
	return err
}

// next waits for what happens next, and sends it.
func (w *workStream) next() error {
	ctx, cancel := context.WithTimeout(w.ctx, w.heartbeat)
	defer cancel()
	event, err := w.worker.Next(ctx)
	var e *record.Error
	switch {
	case w.ctx.Err() != nil:
		return context.Cause(w.ctx)
	case errors.Is(err, context.DeadlineExceeded):
		return w.Idle()
	case errors.As(err, &e) && e.Kind == record.KindNotFound:
		return errNoQueue
	case err != nil:
		w.end(wire.ErrorOf(err))
		return context.Cause(w.ctx)
	}
	for i := range event.Lost {
		if err := w.sayLost(&event.Lost[i]); err != nil {
			return err
		}
	}
	for i := range event.Jobs {
		if err := w.sendJob(&event.Jobs[i]); err != nil {
			return err
		}
	}
	return nil
}

// sendJob sends a job event.
func (w *workStream) sendJob(j *jobs.Job) error {
	buf := eventBuffers.Get().(*[]byte)
	body := appendWorkJob((*buf)[:0], w.queue, j)
	b := strconv.AppendUint([]byte("event: job\nid: "), j.Seq, 10)
	b = append(b, "\ndata: "...)
	b = append(appendLines(b, body), "\n\n"...)
	if cap(body) <= keepEvent {
		*buf = body
		eventBuffers.Put(buf)
	}
	w.flow.Move()
	return w.send(b)
}

// appendWorkJob renders a job as streams show it.
func appendWorkJob(b []byte, topic string, j *jobs.Job) []byte {
	b = append(render.Member(append(b, '{'), "topic", topic), ',')
	return append(queues.AppendJob(b, j), '}')
}

// sayLost sends a lost event: the worker no longer holds a job.
func (w *workStream) sayLost(l *queue.Loss) error {
	return w.small("lost", func(b []byte) []byte { return append(queues.AppendLost(append(b, '{'), w.queue, l), '}') })
}

// sayDeleted sends the event after which a stream of a deleted queue ends.
func (w *workStream) sayDeleted() error {
	if err := w.Deleted(w.queue, w.worker.Head(), "deleted"); err != nil {
		return wire.ClientGone(err)
	}
	return nil
}
