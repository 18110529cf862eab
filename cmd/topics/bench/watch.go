package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

const (
	// watchDeliveries is the intended rate of a row, in records delivered to all
	// watchers per second. It is bounded so that many watchers do not merely
	// measure the processors. watchRate is the maximum number of writes per
	// second; the minimum is one.
	watchDeliveries = 5000
	watchRate       = 200
	// stalledBeside is the number of watchers next to one that reads nothing, and
	// stalledBacklog the number of bytes waiting for that one.
	stalledBeside  = 100
	stalledBacklog = 64 << 20
)

// unlimited removes the limits per client, since the whole bench is one client.
var unlimited = []string{
	"TOPICS_MAX_SSE_CONNECTIONS=0", "TOPICS_MAX_SSE_CONNECTIONS_PER_KEY=0", "TOPICS_MAX_WATCH_SESSIONS=0", "TOPICS_MAX_INFLIGHT_PER_KEY=0",
}

// WatchReport is the cost of watching.
type WatchReport struct {
	Rows []WatchResult `json:"rows"`
	// Idle watchers, and the server's memory for each.
	Idle            int     `json:"idle_watchers"`
	BytesPerWatcher float64 `json:"resident_bytes_per_idle_watcher"`
	// StalledBytes is the growth of the server's memory due to a watcher that
	// reads nothing of its backlog, next to the watchers of the last row.
	StalledBytes int64 `json:"stalled_resident_bytes"`
}

// WatchResult is the result for a number of watchers of one topic that is
// written at a steady rate. It exists only if each watcher got every record
// once and in order.
type WatchResult struct {
	Watchers   int            `json:"watchers"`
	Stalled    int            `json:"stalled"` // number of watchers next to them that read nothing
	Writes     float64        `json:"writes_per_s"`
	Deliveries int            `json:"deliveries"`
	AckP50US   float64        `json:"ack_p50_us"` // latency of the writes
	P50US      float64        `json:"p50_us"`     // from before the write until the event is decoded
	P99US      float64        `json:"p99_us"`
	CPU        load.CPUShares `json:"cpu"`
}

func (b *bench) measureWatch(ctx context.Context) (r *WatchReport, err error) {
	dir, done, err := scratch(b.dir, "watch")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	server, err := boot(ctx, dir, append(b.env(), unlimited...))
	if err != nil {
		return nil, err
	}
	defer server.kill()
	r = &WatchReport{}
	for _, n := range b.cmd.Watchers {
		row, err := b.measureWatchers(ctx, server, fmt.Sprintf("bench-watch-%d", n), 0, n)
		if err != nil {
			return nil, fmt.Errorf("%d watchers: %w", n, err)
		}
		r.Rows = append(r.Rows, row)
	}
	if err := b.measureStalled(ctx, server, r); err != nil {
		return nil, fmt.Errorf("a stalled watcher: %w", err)
	}
	return r, b.measureIdleWatchers(ctx, r)
}

// measureWatchers makes n watchers follow a topic from seq from on while it is
// written.
func (b *bench) measureWatchers(ctx context.Context, s *server, topic string, from uint64, n int) (r WatchResult, err error) {
	if from == 0 {
		if err := s.configure(ctx, topic, "disk"); err != nil {
			return r, err
		}
	}
	w, err := startWatchers(ctx, s, topic, from, n)
	if err != nil {
		return r, err
	}
	rate := min(max(watchDeliveries/n, 1), watchRate)
	before, began := load.ReadUsage(s.process.Pid()), time.Now()
	acks, err := b.writeSteadily(ctx, s, topic, w.began, time.Second/time.Duration(rate))
	cpu := load.ReadUsage(s.process.Pid()).Since(before, time.Since(began))
	if err != nil {
		w.cancel()
		return r, errors.Join(err, w.end())
	}
	w.await(from + uint64(len(acks)))
	// The record that lets the watchers return.
	if err := s.call(load.TimedRequest(nil, topic, w.began, load.RecordBytes)); err != nil {
		w.cancel()
		return r, errors.Join(err, w.end())
	}
	if err := w.end(); err != nil {
		return r, err
	}
	var took []time.Duration
	for _, t := range w.took {
		took = append(took, t[:len(acks)]...)
	}
	r = WatchResult{
		Watchers: n, Writes: float64(rate), Deliveries: len(took), CPU: cpu,
		AckP50US: load.Micros(quantile.Median(acks)), P50US: load.Micros(quantile.Median(took)), P99US: load.Micros(quantile.Of(took, 0.99)),
	}
	b.logf("watch: %4d watchers, %3d writes/s  p50 %6.0f us  p99 %7.0f us", n, rate, r.P50US, r.P99US)
	return r, nil
}

// writeSteadily writes records that contain the time of sending, relative to
// began, and returns how long each answer took.
func (b *bench) writeSteadily(ctx context.Context, s *server, topic string, began time.Time, every time.Duration) (took []time.Duration, err error) {
	c, err := load.Dial(s.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var request []byte
	first := time.Now()
	for due := first; due.Sub(first) < b.cmd.Interval; due = due.Add(every) {
		load.Pause(ctx, time.Until(due))
		sent := time.Now()
		request = load.TimedRequest(request[:0], topic, began, load.RecordBytes)
		if _, err := c.Expect(request, 200, 201); err != nil {
			return nil, err
		}
		took = append(took, time.Since(sent))
	}
	return took, ctx.Err()
}

// measureStalled adds a row with a watcher that requests a backlog and reads
// nothing of it.
func (b *bench) measureStalled(ctx context.Context, s *server, r *WatchReport) error {
	const topic = "bench-watch-stalled"
	writes := stalledBacklog / (curveBatch * b.cmd.Size)
	err := load.Fill(ctx, s.addr, curveConns, writes, func(buf []byte, i int) []byte {
		return b.corpus.appendWrite(buf, topic, i*curveBatch, curveBatch, b.cmd.Size)
	})
	if err != nil {
		return err
	}
	before, err := s.settled(ctx, b.cmd.Settle)
	if err != nil {
		return err
	}
	stalled, err := s.openStream(topic, 0)
	if err != nil {
		return err
	}
	defer stalled.Close()
	row, err := b.measureWatchers(ctx, s, topic, uint64(writes*curveBatch), stalledBeside)
	if err != nil {
		return err
	}
	after, err := s.settled(ctx, b.cmd.Settle)
	row.Stalled, r.StalledBytes = 1, after-before
	r.Rows = append(r.Rows, row)
	return err
}

// measureIdleWatchers measures the memory of idle streams.
func (b *bench) measureIdleWatchers(ctx context.Context, r *WatchReport) (err error) {
	r.Idle = int(b.cmd.IdleWatchers)
	if err := allowFiles(r.Idle + 1000); err != nil {
		return err
	}
	dir, done, err := scratch(b.dir, "idle-watchers")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	s, err := boot(ctx, dir, append(b.env(), unlimited...))
	if err != nil {
		return err
	}
	defer s.kill()
	const topic = "bench-watch-idle"
	if err := s.configure(ctx, topic, "disk"); err != nil {
		return err
	}
	before, err := s.settled(ctx, b.cmd.Settle)
	if err != nil {
		return err
	}
	streams := make([]net.Conn, 0, r.Idle)
	defer func() {
		for _, c := range streams {
			_ = c.Close() // nothing was written to it that could be lost
		}
	}()
	for range r.Idle {
		c, err := s.openStream(topic, 0)
		if err != nil {
			return fmt.Errorf("watcher %d: %w", len(streams)+1, err)
		}
		streams = append(streams, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	after, err := s.settled(ctx, 2*b.cmd.Settle)
	r.BytesPerWatcher = float64(after-before) / float64(r.Idle)
	b.logf("watch: %d idle watchers  %.0f B each", r.Idle, r.BytesPerWatcher)
	return err
}

// openStream opens a stream of a topic and reads only its status. It uses a
// bare connection, so that ten thousand streams cost little on the client's
// side.
func (s *server) openStream(topic string, from uint64) (net.Conn, error) {
	body, err := s.ask(load.Render("POST", "/v0/watch", fmt.Appendf(nil, `{"topics":{%q:{"from_seq":%d}},"heartbeat_ms":60000}`, topic, from)))
	if err != nil {
		return nil, err
	}
	var session struct {
		WID string `json:"wid"`
	}
	if err := json.Unmarshal(body, &session); err != nil {
		return nil, err
	}
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET /v0/watch/%s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", session.WID)
	status := make([]byte, len("HTTP/1.1 200"))
	if err == nil {
		_, err = c.Read(status)
	}
	if err == nil && string(status) != "HTTP/1.1 200" {
		err = fmt.Errorf("a stream was answered %q", status)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}
