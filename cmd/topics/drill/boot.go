package drill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/child"
)

const (
	// probeEvery is the interval between probes.
	probeEvery = 10 * time.Millisecond
	// bootTimeout bounds the wait for a boot to become ready.
	bootTimeout = 2 * time.Minute
	// lookEvery is the interval at which the directories are checked for work,
	// which may take only a few milliseconds.
	lookEvery = time.Millisecond
)

// boot starts the server and waits until it is ready. The caller must kill it.
func (d *drill) boot(ctx context.Context) (server *child.Server, c *client.Client, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, errors.New("the server was not ready in time"))
	defer cancel()
	d.gate.begin()
	server, ready, err := child.Boot(ctx, d.options, probeEvery, d.gate.see)
	if err != nil {
		return nil, nil, err
	}
	d.current.set(ready.Addr)
	if c, err = newClient(ready.Addr); err != nil {
		server.Kill()
	}
	return server, c, err
}

// killEarly kills the server before it is ready, at a moment derived from the
// duration of the last boot.
func (d *drill) killEarly(ctx context.Context, planned kill) error {
	server, err := child.Start(d.options)
	if err != nil {
		return err
	}
	defer server.Kill()
	d.gate.begin()
	wait := time.Duration(planned.after * float64(d.gate.lastWait()))
	err = d.watch(ctx, server, wait)
	d.early++
	return err
}

// killUnderLoad boots the server, checks it, loads it, and kills it: after the
// planned time, and as soon as it is doing the planned work.
func (d *drill) killUnderLoad(ctx context.Context, planned kill) error {
	server, c, err := d.boot(ctx)
	if err != nil {
		return err
	}
	defer server.Kill()
	defer c.Close()
	if d.kills == 0 {
		err = d.begin(ctx, c)
	} else {
		err = d.check(ctx, c)
	}
	if err != nil {
		return err
	}
	loaded, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		killed atomic.Bool
		load   sync.WaitGroup
	)
	for _, w := range d.writers {
		load.Go(func() { w.load(loaded, c, killed.Load) })
	}
	for _, b := range d.books {
		load.Go(func() { follow(loaded, c, b, killed.Load) })
	}
	load.Go(func() { d.operator.run(loaded, c, killed.Load, d.findings) })
	err = d.watch(ctx, server, time.Duration(planned.after*float64(d.plan.uptime)))
	if err == nil {
		err = d.await(ctx, server, planned.during)
	}
	killed.Store(true)
	server.Kill()
	cancel()
	load.Wait()
	if err != nil {
		return err
	}
	return d.count()
}

// watch polls the probes for the given time.
func (d *drill) watch(ctx context.Context, server *child.Server, during time.Duration) error {
	timed, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	err := server.Watch(timed, probeEvery, func(p child.Probe) bool {
		d.gate.see(p)
		return true
	})
	if timed.Err() != nil && ctx.Err() == nil {
		return nil // the time is over
	}
	return err
}

// await returns as soon as the server is doing the work, or after the longest
// time under load.
func (d *drill) await(ctx context.Context, server *child.Server, w work) error {
	if w == "" {
		return nil
	}
	timeout := time.NewTimer(d.plan.uptime)
	defer timeout.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			under, err := underWay(d.options.Dir)
			if err != nil || under[w] {
				return err
			}
		case <-timeout.C:
			return nil
		case <-server.Done():
			return server.Ended()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// count records what the server was doing when it was killed.
func (d *drill) count() error {
	under, err := underWay(d.options.Dir)
	for w := range under {
		d.hits[w]++
	}
	return err
}

// begin creates the topics and starts the watcher.
func (d *drill) begin(ctx context.Context, c *client.Client) error {
	if err := d.configure(ctx, c); err != nil {
		return err
	}
	all, err := d.current.client(watchRetry)
	if err == nil {
		d.watcher.start(ctx, all)
	}
	return err
}

// configure creates the topics.
func (d *drill) configure(ctx context.Context, c *client.Client) error {
	for _, b := range d.books {
		if _, err := c.PutTopic(ctx, b.topic, configOf(b.class)); err != nil {
			return fmt.Errorf("make topic %s: %w", b.topic, err)
		}
	}
	return d.routes.configure(ctx, c)
}

// check checks every topic.
func (d *drill) check(ctx context.Context, c *client.Client) error {
	for _, b := range d.books {
		if err := check(ctx, c, b); err != nil {
			return fmt.Errorf("check topic %s: %w", b.topic, err)
		}
	}
	return d.routes.check(ctx, c)
}
