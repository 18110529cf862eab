package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// Worker is the hidden command of a worker process of the drill. It works on all
// queues, notes what happens, and stops at SIGTERM.
type Worker struct {
	URL      string        `required:"" help:"Address of the server."`
	Name     string        `required:"" help:"Name of the worker."`
	Journal  string        `required:"" help:"File to note events in."`
	Seed     uint64        `required:"" help:"Seed of the plan."`
	Lease    time.Duration `required:"" help:"Lease of a job."`
	Parallel int           `required:"" help:"Handlers for each queue."`
}

// workerRetry is how long a worker waits for a server that is down. It is longer
// than a restart can take.
const workerRetry = 5 * time.Minute

// Run works until ctx is done.
func (w *Worker) Run(ctx context.Context) error {
	j, err := openJournal(w.Journal)
	if err != nil {
		return err
	}
	api, err := client.New(w.URL, client.Options{RetryFor: workerRetry})
	if err != nil {
		return err
	}
	defer api.Close()
	d := &desk{journal: j, plan: plan{seed: w.Seed, lease: w.Lease}}
	errs := make([]error, len(classes))
	var working sync.WaitGroup
	for i, c := range classes {
		working.Go(func() {
			errs[i] = api.Work(ctx, c.queue(), func(ctx context.Context, job *client.Job) error { return d.handle(ctx, c, job) },
				client.WorkOptions{
					Node: w.Name, Parallel: w.Parallel, Ahead: w.Parallel, Lease: w.Lease, Stop: 2 * w.Lease,
					Ended: func(e client.Ended) { d.ended(c, &e) },
				})
		})
	}
	working.Wait()
	return errors.Join(errs...)
}

// desk does jobs and notes what happens.
type desk struct {
	journal *journal
	plan    plan
}

// numberOf returns the number of a job by its data.
func numberOf(data []byte) (int, error) {
	var content struct {
		Job *int `json:"job"`
	}
	if err := json.Unmarshal(data, &content); err != nil {
		return 0, err
	}
	if content.Job == nil {
		return 0, errors.New("the data is not of a job of this drill")
	}
	return *content.Job, nil
}

// note notes an event of a delivery.
func (d *desk) note(e event, c class, job *client.Job) int {
	number, err := numberOf(job.Data)
	if err != nil {
		panic(fmt.Sprintf("seq %d of %s: %v", job.Seq, c.queue(), err)) // the output is part of the report
	}
	d.journal.note(line{event: e, class: c, number: number, seq: job.Seq, lease: job.Lease})
	return number
}

// errOnce is why a job goes back that will be done later.
var errOnce = errors.New("once more")

func (d *desk) handle(ctx context.Context, c class, delivered *client.Job) error {
	j := d.plan.job(d.note(begun, c, delivered))
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(j.took):
	}
	switch {
	case j.conduct == rejects:
		return client.Reject(errors.New("poison"))
	case j.conduct == returns && delivered.Deliveries == 1:
		return client.Retry(50*time.Millisecond, errOnce)
	}
	d.note(did, c, delivered)
	return nil
}

// ended notes what the queue knows of a delivery. One that no handler had is not
// noted: it has not begun.
func (d *desk) ended(c class, e *client.Ended) {
	var how *client.ReturnError
	switch {
	case e.Unbegun:
	case e.Failure != nil:
		fmt.Fprintln(os.Stderr, e.Failure)
		d.note(unknown, c, e.Job)
	case e.Lost != "":
		d.note(lost, c, e.Job)
	case e.Err == nil:
		d.note(acked, c, e.Job)
	case errors.As(e.Err, &how) && how.Dead:
		d.note(rejected, c, e.Job)
	default:
		d.note(returned, c, e.Job)
	}
}
