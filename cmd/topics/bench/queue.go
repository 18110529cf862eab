package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

// QueueReport compares queues of the server with beanstalkd, which has the same
// purpose and no more than that.
type QueueReport struct {
	// Beanstalkd says why there is no comparison; empty if there is one.
	Beanstalkd string        `json:"beanstalkd,omitempty"`
	Rows       []QueueResult `json:"rows"`
}

// QueueResult is one cell: medians over the rounds. Work compares with a
// reserve and a delete, because beanstalkd does not push.
type QueueResult struct {
	Op      string `json:"op"` // put, claim+ack or work+ack
	Class   string `json:"class"`
	Workers int    `json:"workers"`
	Batch   int    `json:"batch"`
	queueMeasures
	Other *queueMeasures `json:"beanstalkd,omitempty"`
	// Ratio is that of Jobs to beanstalkd's; 0 without a comparison.
	Ratio float64 `json:"ratio"`
}

// queueMeasures is what is measured for a cell. A latency is that of a batch.
type queueMeasures struct {
	Jobs  float64 `json:"jobs_per_s"`
	P50US float64 `json:"p50_us"`
	P99US float64 `json:"p99_us"`
}

// The operations, in the order in which they are printed.
const (
	opPut   = "put"
	opClaim = "claim+ack"
	opWork  = "work+ack"
)

var queueOps = []string{opPut, opClaim, opWork}

// queueBatches are how many jobs go at a time.
var queueBatches = []int{1, 10}

// queueClasses are the classes that beanstalkd knows, too: -F and -f0.
var queueClasses = []string{"disk", "fsync"}

// queueCell is one measurement.
type queueCell struct {
	op, class      string
	workers, batch int
}

// errDrained ends the worker of a load when there are no more jobs.
var errDrained = errors.New("there are no more jobs")

// exchanger is one worker of a load.
type exchanger interface {
	// exchange does one operation with a batch of jobs and returns how many there
	// were. With errDrained there were none.
	exchange() (jobs int, err error)
	// close ends its connections.
	close()
}

// contestant is a server under test.
type contestant interface {
	// fill makes a fresh queue for a cell, with jobs unless the cell is of puts.
	fill(ctx context.Context, c queueCell, jobs int) error
	// worker returns one worker of a cell.
	worker(ctx context.Context, c queueCell, n int) (exchanger, error)
}

func (b *bench) measureQueue(ctx context.Context) (report *QueueReport, err error) {
	report = &QueueReport{Rows: []QueueResult{}}
	ours, others := map[queueCell][]queueMeasures{}, map[queueCell][]queueMeasures{}
	_, missing := peer.Find("beanstalkd")
	if missing != nil {
		report.Beanstalkd = missing.Error()
		b.logf("queue: %s", missing)
	}
	for i := range b.cmd.Repeats {
		b.logf("queue: round %d of %d", i+1, b.cmd.Repeats)
		for _, class := range queueClasses {
			if err := b.measureQueueOf(ctx, class, ours); err != nil {
				return nil, err
			}
			if missing != nil {
				continue
			}
			if err := b.measureBeanstalkd(ctx, class, others); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range b.cmd.queueCells(queueClasses...) {
		r := QueueResult{Op: c.op, Class: c.class, Workers: c.workers, Batch: c.batch, queueMeasures: medianMeasures(ours[c])}
		if c.op == opWork {
			c.op = opClaim
		}
		if all := others[c]; all != nil {
			m := medianMeasures(all)
			r.Other, r.Ratio = &m, r.Jobs/m.Jobs
		}
		report.Rows = append(report.Rows, r)
	}
	return report, nil
}

// queueCells returns all cells of some classes.
func (c *Cmd) queueCells(classes ...string) (all []queueCell) {
	for _, op := range queueOps {
		for _, class := range classes {
			for _, workers := range c.QueueWorkers {
				for _, batch := range queueBatches {
					all = append(all, queueCell{op, class, workers, batch})
				}
			}
		}
	}
	return all
}

func medianMeasures(all []queueMeasures) queueMeasures {
	return queueMeasures{
		Jobs:  medianOf(all, func(m queueMeasures) float64 { return m.Jobs }),
		P50US: medianOf(all, func(m queueMeasures) float64 { return m.P50US }),
		P99US: medianOf(all, func(m queueMeasures) float64 { return m.P99US }),
	}
}

// measureQueueOf measures the server with one class.
func (b *bench) measureQueueOf(ctx context.Context, class string, into map[queueCell][]queueMeasures) (err error) {
	dir, done, err := scratch(b.dir, "queue")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	s, err := boot(ctx, dir, b.env())
	if err != nil {
		return err
	}
	defer s.kill()
	for _, c := range b.cmd.queueCells(class) {
		if err := b.measureQueueCell(ctx, &queueServer{s}, c, into); err != nil {
			return fmt.Errorf("%+v: %w", c, err)
		}
	}
	return nil
}

// measureQueueCell measures one cell of one contestant.
func (b *bench) measureQueueCell(ctx context.Context, s contestant, c queueCell, into map[queueCell][]queueMeasures) error {
	if err := s.fill(ctx, c, b.cmd.QueueJobs); err != nil {
		return err
	}
	m, err := contest(ctx, s, c, b.cmd.Interval)
	if err != nil {
		return err
	}
	into[c] = append(into[c], m)
	b.logf("queue: %-9s %-5s %2d x %-2d  %8.0f jobs/s  p50 %7.0f us  p99 %7.0f us  %T", c.op, c.class, c.workers, c.batch, m.Jobs, m.P50US, m.P99US, s)
	return nil
}

// contest has all workers of a cell exchange until the interval is over or there
// are no more jobs.
func contest(ctx context.Context, s contestant, c queueCell, interval time.Duration) (queueMeasures, error) {
	workers := make([]exchanger, 0, c.workers)
	defer func() {
		for _, w := range workers {
			w.close()
		}
	}()
	for n := range c.workers {
		w, err := s.worker(ctx, c, n)
		if err != nil {
			return queueMeasures{}, err
		}
		workers = append(workers, w)
	}
	var (
		over    atomic.Bool
		running sync.WaitGroup
		jobs    = make([]int, len(workers))
		took    = make([][]time.Duration, len(workers))
		errs    = make([]error, len(workers))
		last    = make([]time.Duration, len(workers))
	)
	began := time.Now()
	timer := time.AfterFunc(interval, func() { over.Store(true) })
	defer timer.Stop()
	for i, w := range workers {
		running.Go(func() {
			for !over.Load() && ctx.Err() == nil {
				at := time.Now()
				n, err := w.exchange()
				if err != nil && !errors.Is(err, errDrained) {
					errs[i] = err
					return
				}
				if n < c.batch { // the last jobs; it may have waited for others
					over.Store(true)
					return
				}
				jobs[i] += n
				took[i] = append(took[i], time.Since(at))
				last[i] = time.Since(began)
			}
		})
	}
	running.Wait()
	var all []time.Duration
	elapsed, total := time.Duration(0), 0
	for i := range workers {
		all, elapsed, total = append(all, took[i]...), max(elapsed, last[i]), total+jobs[i]
	}
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return queueMeasures{}, err
	}
	if total == 0 {
		return queueMeasures{}, errors.New("no job was exchanged")
	}
	return queueMeasures{
		Jobs: float64(total) / elapsed.Seconds(), P50US: load.Micros(quantile.Median(all)), P99US: load.Micros(quantile.Of(all, 0.99)),
	}, nil
}

// queueServer is the server as a contestant.
type queueServer struct{ *server }

// fillBatch is how many jobs are written at a time before a measurement.
const fillBatch = 1000

const benchQueue = "bench-queue"

func (s *queueServer) fill(ctx context.Context, c queueCell, jobs int) error {
	if _, err := s.api.DeleteTopic(ctx, benchQueue, false); err != nil {
		return err
	}
	if _, err := s.api.PutTopic(ctx, benchQueue, client.Config{Type: "queue", Durability: c.class}); err != nil {
		return err
	}
	if c.op == opPut {
		return nil
	}
	request := load.WriteRequest(benchQueue, fillBatch)
	return load.Fill(ctx, s.addr, 1, (jobs+fillBatch-1)/fillBatch, load.Same(request))
}

func (s *queueServer) worker(ctx context.Context, c queueCell, n int) (exchanger, error) {
	conn, err := load.Dial(s.addr)
	if err != nil {
		return nil, err
	}
	w := &queueWorker{conn: conn, batch: c.batch, node: fmt.Sprintf("w%d", n)}
	switch c.op {
	case opPut:
		w.put = load.WriteRequest(benchQueue, c.batch)
	case opClaim:
		w.claim = load.Render("POST", "/v0/topics/"+benchQueue+"/claim", fmt.Appendf(nil, `{"node":%q,"max":%d}`, w.node, c.batch))
	case opWork:
		if w.stream, err = openJobStream(s.addr, w.node, c.batch); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return w, nil
}
