package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

// watchers are clients that follow one topic over streams, each on its own
// connection, and measure the time from before each write until the client has
// decoded the record. They use api/client, whose cost is included in the
// results.
type watchers struct {
	api     []*client.Client
	cancel  context.CancelFunc
	running sync.WaitGroup
	began   time.Time // origin of the times in the records
	want    uint64    // seq of the last record; set before done is closed
	ready   sync.WaitGroup
	done    chan struct{} // closed after the last record was written
	took    [][]time.Duration
	at      []uint64
	errs    []error
}

// watchTimeout bounds the wait for watchers.
const watchTimeout = time.Minute

// errBehind reports that a watcher did not get everything.
var errBehind = errors.New("a watcher did not get all records in time")

// startWatchers starts n watchers of a topic that begin after seq from, and
// returns when all of them have caught up.
func startWatchers(ctx context.Context, s *server, topic string, from uint64, n int) (*watchers, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, watchTimeout, errBehind)
	w := &watchers{
		cancel: cancel, began: time.Now(), done: make(chan struct{}),
		took: make([][]time.Duration, n), at: make([]uint64, n), errs: make([]error, n),
	}
	for i := range n {
		// Separate connection pools, as for clients in separate processes.
		c, err := client.New("http://"+s.addr, client.Options{})
		if err != nil {
			cancel()
			return nil, err
		}
		w.api = append(w.api, c)
		w.at[i] = from
		w.ready.Add(1)
		w.running.Go(func() { w.errs[i] = w.follow(ctx, i, topic) })
	}
	w.ready.Wait()
	if ctx.Err() != nil {
		return nil, errors.Join(context.Cause(ctx), w.end())
	}
	return w, nil
}

// follow runs one watcher.
func (w *watchers) follow(ctx context.Context, i int, topic string) error {
	ready := sync.OnceFunc(w.ready.Done)
	defer ready()
	at := &w.at[i]
	for event, err := range w.api[i].Watch(ctx, client.Watch{Topics: map[string]client.Start{topic: {From: *at}}}) {
		if err != nil {
			return err
		}
		switch e := event.(type) {
		case client.Records:
			now := time.Since(w.began)
			for k := range e.Records {
				r := &e.Records[k]
				if *at++; r.Seq != *at {
					return fmt.Errorf("watcher %d was given %d after %d", i, r.Seq, *at-1)
				}
				sent, err := load.SentAt(r.Data)
				if err != nil {
					return err
				}
				w.took[i] = append(w.took[i], now-sent)
			}
		case client.CaughtUp:
			ready()
		case client.Tombstone, client.TopicDeleted:
			return fmt.Errorf("watcher %d: %+v", i, e)
		}
		select {
		case <-w.done:
			if *at >= w.want {
				return nil
			}
		default:
		}
	}
	return context.Cause(ctx)
}

// await makes the watchers return after the record last, the last one. Each
// returns with the next event, so there must be one more record.
func (w *watchers) await(last uint64) {
	w.want = last
	close(w.done)
}

// end waits for the watchers and returns their errors.
func (w *watchers) end() error {
	w.running.Wait()
	w.cancel()
	for _, c := range w.api {
		c.Close()
	}
	return errors.Join(w.errs...)
}
