package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

const (
	// fanoutEvery is the interval between two writes.
	fanoutEvery  = 20 * time.Millisecond
	fanoutAlone  = "bench-fanout-alone"
	fanoutSource = "bench-fanout-source"
	fanoutCopies = "bench-copy-" // prefix of the destinations
)

// FanoutResult compares a topic that many routers copy with one that no router
// copies. They are written in turns at the same steady rate.
type FanoutResult struct {
	Destinations int `json:"destinations"`
	Writes       int `json:"writes"` // to each topic
	// Growth of the log per write: without routers, and in addition for each
	// destination.
	BytesAlone float64 `json:"log_bytes_per_write"`
	BytesEach  float64 `json:"log_bytes_per_destination_and_write"`
	AloneP50US float64 `json:"alone_ack_p50_us"`
	P50US      float64 `json:"ack_p50_us"`
	P99US      float64 `json:"ack_p99_us"`
	Ratio      float64 `json:"ack_p50_to_alone"`
	// Time from before a write until a watcher of all destinations has decoded all
	// of its copies.
	AllP50MS float64 `json:"all_copied_p50_ms"`
	AllP99MS float64 `json:"all_copied_p99_ms"`
	// The same topics, written without a fixed rate.
	Lone LoneResult `json:"lone_writer"`
}

func (b *bench) measureFanout(ctx context.Context) (r *FanoutResult, err error) {
	dir, done, err := scratch(b.dir, "fanout")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	server, err := boot(ctx, dir, append(append(b.env(), noCheckpoints...), unlimited...))
	if err != nil {
		return nil, err
	}
	defer server.kill()
	api := server.api
	r = &FanoutResult{Destinations: b.cmd.Destinations}
	if err := makeFanout(ctx, api, r.Destinations); err != nil {
		return nil, err
	}
	var alone, routed []time.Duration
	var aloneBytes, routedBytes uint64
	for range b.cmd.Repeats {
		took, bytes, err := b.writeFanout(ctx, server, api, fanoutAlone)
		if err != nil {
			return nil, err
		}
		alone, aloneBytes = append(alone, took...), aloneBytes+bytes
		took, bytes, err = b.writeFanout(ctx, server, api, fanoutSource)
		if err != nil {
			return nil, err
		}
		routed, routedBytes = append(routed, took...), routedBytes+bytes
	}
	copied, err := b.timeCopies(ctx, server, api, uint64(len(routed)))
	if err != nil {
		return nil, err
	}
	if r.Lone, err = b.measureLone(ctx, server, api); err != nil {
		return nil, fmt.Errorf("a lone writer: %w", err)
	}
	r.Writes = len(routed)
	r.BytesAlone = float64(aloneBytes) / float64(len(alone))
	r.BytesEach = (float64(routedBytes)/float64(len(routed)) - r.BytesAlone) / float64(r.Destinations)
	r.AloneP50US, r.P50US = load.Micros(quantile.Median(alone)), load.Micros(quantile.Median(routed))
	r.P99US = load.Micros(quantile.Of(routed, 0.99))
	r.Ratio = r.P50US / r.AloneP50US
	r.AllP50MS = milliseconds(quantile.Median(copied))
	r.AllP99MS = milliseconds(quantile.Of(copied, 0.99))
	b.logf("fanout: %d destinations  %.0f B of log each, ack p50 %.0f us (%.2fx), of a lone writer %.0f us (%.2fx), all copied after %.1f ms",
		r.Destinations, r.BytesEach, r.P50US, r.Ratio, r.Lone.P50US, r.Lone.Ratio, r.AllP50MS)
	return r, nil
}

// makeFanout creates the topics and the routers.
func makeFanout(ctx context.Context, api *client.Client, destinations int) error {
	config := client.Config{Durability: "disk"}
	for _, topic := range []string{fanoutAlone, fanoutSource} {
		if _, err := api.PutTopic(ctx, topic, config); err != nil {
			return err
		}
	}
	for i := range destinations {
		dest := fmt.Sprintf("%s%03d", fanoutCopies, i)
		if _, err := api.PutTopic(ctx, dest, config); err != nil {
			return err
		}
		if _, err := api.PutRouter(ctx, dest, client.Router{Source: fanoutSource, Dest: dest}); err != nil {
			return err
		}
	}
	return nil
}

// writeFanout writes a topic for the measured time. It returns how long each
// answer took, and by how much the log grew, including copies. Nothing is read
// meanwhile.
func (b *bench) writeFanout(ctx context.Context, s *server, api *client.Client, topic string) (took []time.Duration, bytes uint64, err error) {
	before, err := s.metrics(ctx)
	if err != nil {
		return nil, 0, err
	}
	if took, err = b.writeSteadily(ctx, s, topic, time.Now(), fanoutEvery); err != nil {
		return nil, 0, err
	}
	if err := forwarded(ctx, api); err != nil {
		return nil, 0, err
	}
	after, err := s.metrics(ctx)
	return took, after.WAL.BytesWritten - before.WAL.BytesWritten, err
}

// forwarded waits until all routers have forwarded everything.
func forwarded(ctx context.Context, api *client.Client) error {
	for end := time.Now().Add(watchTimeout); ; load.Pause(ctx, readyPoll) {
		behind := uint64(0)
		for r, err := range api.Routers(ctx, client.RouterFilter{}) {
			if err != nil {
				return err
			}
			behind += r.Lag
		}
		if behind == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			return fmt.Errorf("routers are %d records behind", behind)
		}
	}
}

// timeCopies writes to the source again while a watcher follows all
// destinations, which have have records each. It returns how long it took until
// a write was in all of them.
func (b *bench) timeCopies(ctx context.Context, s *server, api *client.Client, have uint64) ([]time.Duration, error) {
	c := startCopies(ctx, api, b.cmd.Destinations, have)
	defer c.cancel()
	took, err := b.writeSteadily(ctx, s, fanoutSource, c.began, fanoutEvery)
	if err == nil {
		err = c.await(ctx, len(took))
	}
	c.cancel()
	<-c.done
	return c.took, errors.Join(err, c.err)
}

// copies watches all destinations and measures when all of them have a write.
type copies struct {
	began  time.Time
	cancel context.CancelFunc
	all    chan struct{} // receives once for each write that all destinations have
	done   chan struct{} // closed when the watcher has ended
	// Valid once done is closed.
	took []time.Duration
	err  error
}

func startCopies(ctx context.Context, api *client.Client, destinations int, from uint64) *copies {
	ctx, cancel := context.WithCancel(ctx)
	c := &copies{began: time.Now(), cancel: cancel, all: make(chan struct{}, 1<<16), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.err = c.follow(ctx, api, destinations, from)
	}()
	return c
}

func (c *copies) follow(ctx context.Context, api *client.Client, destinations int, from uint64) error {
	have := map[time.Duration]int{} // destinations that have a write, by the time it was sent
	at := map[string]uint64{}
	for event, err := range api.Watch(ctx, client.Watch{Prefixes: map[string]client.Start{fanoutCopies: {From: from}}}) {
		if err != nil {
			return err
		}
		records, ok := event.(client.Records)
		if !ok {
			continue
		}
		now := time.Since(c.began)
		for i := range records.Records {
			r := &records.Records[i]
			if at[records.Topic]++; r.Seq != from+at[records.Topic] {
				return fmt.Errorf("%s: %d came after %d", records.Topic, r.Seq, from+at[records.Topic]-1)
			}
			sent, err := load.SentAt(r.Data)
			if err != nil {
				return err
			}
			if have[sent]++; have[sent] == destinations {
				delete(have, sent)
				c.took = append(c.took, now-sent)
				c.all <- struct{}{}
			}
		}
	}
	return nil
}

// await waits until all destinations have n more writes.
func (c *copies) await(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, watchTimeout, errBehind)
	defer cancel()
	for range n {
		select {
		case <-c.all:
		case <-c.done:
			return errors.Join(errBehind, c.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
