package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"
)

// Handler does one job. Its context ends when the job's lease is lost, with a
// *LeaseLost as its cause: another worker may be given the job, and nothing that
// the handler returns counts any more. It also ends when Work is stopped and its
// time to finish is over, with ErrStopped as its cause.
//
// If the handler returns nil the job is acked; otherwise it goes back to the
// queue. The error may say how: see Retry, Reject and Unstarted.
type Handler func(ctx context.Context, job *Job) error

// WorkOptions configure Work. The zero value is usable.
type WorkOptions struct {
	// Node is who takes the jobs. It must not be shared with another worker that
	// runs at the same time. It defaults to the host's name, the process id and
	// random letters.
	Node string
	// Parallel is how many handlers run at the same time. It defaults to 1.
	Parallel int
	// Ahead is how many more jobs are held, so that the next one is here when a
	// handler ends. Others wait meanwhile for jobs that they could do.
	Ahead int
	// Lease is how long the queue waits for a sign of life of this worker before it
	// gives a job to another, in whole ms; 0 means the queue's lease_ms. Leases are
	// extended as long as a handler runs.
	Lease time.Duration
	// Stop is how long handlers may go on after Work is stopped. It defaults to 30 s.
	Stop time.Duration
	// Ended, if not nil, is called after each job, on the goroutine of its handler.
	Ended func(Ended)
}

// Ended is how a job ended for this worker.
type Ended struct {
	Job *Job
	// Unbegun is set if no handler had the job.
	Unbegun bool
	// Err is what the handler returned.
	Err error
	// Lost is why the outcome does not count: the job's lease was lost before the
	// queue learned of it. It is empty if the outcome counts.
	Lost string
	// Failure is why the queue may not have learned of the outcome. It is nil if it
	// has.
	Failure error
}

// LeaseLost is the cause of the end of a handler's context.
type LeaseLost struct {
	Seq    uint64
	Reason string // expired, released or gone
}

func (e *LeaseLost) Error() string {
	return fmt.Sprintf("the lease of job %d is lost: %s", e.Seq, e.Reason)
}

// ErrStopped is the cause of the end of a handler's context when Work was
// stopped and the time for handlers to finish is over.
var ErrStopped = errors.New("the worker was stopped")

// ReturnError is an error of a handler that says how its job goes back.
type ReturnError struct {
	Return
	Err error // may be nil
}

func (e *ReturnError) Error() string {
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case e.Dead:
		return "rejected"
	case e.Unstarted:
		return "not started"
	}
	return "to be tried again"
}

// Unwrap returns Err.
func (e *ReturnError) Unwrap() error { return e.Err }

// Retry returns an error with which a handler has its job delivered again after
// a delay, in place of the queue's back-off.
func Retry(delay time.Duration, err error) error {
	return &ReturnError{Return{Delay: &delay}, err}
}

// Reject returns an error with which a handler moves its job to the dead-letter
// topic, whatever the number of deliveries. The reason is the text of err, cut to
// the 1024 bytes that the server takes.
func Reject(err error) error {
	r := Return{Dead: true}
	if err != nil {
		r.Reason = cut(err.Error(), maxReason)
	}
	return &ReturnError{r, err}
}

// Unstarted returns an error with which a handler gives its job back without
// having begun it: the delivery does not count.
func Unstarted(err error) error { return &ReturnError{Return{Unstarted: true}, err} }

// maxReason is the longest reason of a dead letter, in bytes.
const maxReason = 1024

// cut returns the beginning of text, at most n bytes, without a part of a
// character at its end.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xC0 == 0x80 {
		n--
	}
	return text[:n]
}

const (
	defaultStop = 30 * time.Second
	// settleGrace is how long the queue may take to learn of the last outcomes after
	// the time for handlers to finish is over.
	settleGrace = 5 * time.Second
	// The server's bounds of a lease.
	shortestLease = 100 * time.Millisecond
	longestLease  = 24 * time.Hour
)

// Work has the handler do the jobs of a queue until ctx is done. The server
// pushes them over a stream, which is opened again when it breaks and when the
// server restarts, for up to Options.RetryFor; if that is 0, the first failure
// ends Work.
//
// A job is delivered at least once: if its lease is lost, because this process
// was stopped for too long or cut off from the server, or because the server
// ended the stream, another worker may do it again.
//
// When ctx is done, jobs that were not begun go back at once and their delivery
// does not count. Handlers may finish for WorkOptions.Stop. Then their contexts
// end, and what they leave unfinished goes back in the same way. Work returns
// when all handlers have returned: nil if ctx was done, or else the error that
// retries could not resolve.
func (c *Client) Work(ctx context.Context, queue string, handler Handler, o WorkOptions) error {
	if o.Parallel < 0 || o.Ahead < 0 {
		return errors.New("client: WorkOptions.Parallel and Ahead must not be negative")
	}
	if o.Lease == 0 {
		state, err := c.State(ctx, queue)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		o.Lease = time.Duration(state.Config.LeaseMS) * time.Millisecond
	}
	o.Lease = min(max(o.Lease, shortestLease), longestLease)
	o.Parallel = max(o.Parallel, 1)
	if o.Stop == 0 {
		o.Stop = defaultStop
	}
	if o.Node == "" {
		o.Node = nodeName()
	}
	return newWorker(c, queue, handler, o).run(ctx)
}

// nodeName returns a name for this worker that no other one has.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker" // the rest of the name is different anyway
	}
	return fmt.Sprintf("%s-%d-%s", cut(host, 64), os.Getpid(), rand.Text()[:8])
}
