package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

// AgainstReport compares the server with others that sync each write before they
// acknowledge it.
type AgainstReport struct {
	// Missing says which programs are not installed, and what is not counted.
	Missing []string        `json:"missing,omitempty"`
	Rows    []AgainstResult `json:"rows"`
	Ratios  []AgainstRatio  `json:"ratios"`
}

// AgainstResult is one load on one server: medians over the turns.
type AgainstResult struct {
	Load   string `json:"load"`
	Server string `json:"server"`
	againstMeasures
}

// againstMeasures is what is measured in each turn. A latency is that of a request,
// which may have several records, or of a page.
type againstMeasures struct {
	Records  float64 `json:"records_per_s"`
	P50US    float64 `json:"p50_us"`
	P99US    float64 `json:"p99_us"`
	ServerUS float64 `json:"server_cpu_us_per_record"`
	ClientUS float64 `json:"client_cpu_us_per_record"`
	// Calls is 0 if they could not be counted.
	Calls    float64 `json:"system_calls_per_record"`
	Switches float64 `json:"context_switches_per_record"`
}

// AgainstRatio compares one way to reach the server with a peer: medians of the ratios
// within each turn.
type AgainstRatio struct {
	Load    string  `json:"load"`
	Server  string  `json:"server"`
	Peer    string  `json:"peer"`
	Records float64 `json:"records_per_s"`
	P50     float64 `json:"p50"`
	// ServerUS is 0 if the peer used less than a clock tick.
	ServerUS float64 `json:"server_cpu_per_record"`
}

// The ways to reach the server.
const (
	overHTTP   = "topics, HTTP/1.1"
	overSocket = "topics, WebSocket"
)

// againstLoad is a load that every server gets.
type againstLoad struct {
	name        string
	connections int
	// flight is that of a peer, one record in each request.
	flight flight
	// own are the ways in which the server gets the same: requests of batch records.
	own   []string
	batch int
	read  bool // pages are read; a peer other than redis has no such thing
}

// againstLoads are all loads.
var againstLoads = []againstLoad{
	{name: "one writer", connections: 1, flight: flight{size: 1}, own: []string{overHTTP, overSocket}, batch: 1},
	{name: "64 writers", connections: 64, flight: flight{size: 1}, own: []string{overHTTP, overSocket}, batch: 1},
	{name: "4 writers, 64 in flight", connections: 4, flight: flight{size: 64}, own: []string{overSocket}, batch: 1},
	{name: "16 writers, batches of 100", connections: 16, flight: flight{size: 100, together: true}, own: []string{overHTTP, overSocket}, batch: 100},
	{name: "one reader, pages of 1,000", connections: 1, own: []string{overHTTP}, read: true},
}

// ownFlight is that of the server.
func (l *againstLoad) ownFlight() flight {
	if l.batch > 1 {
		return flight{size: 1}
	}
	return l.flight
}

// againstCell is one load on one server.
type againstCell struct{ load, server string }

// measureAgainst measures all loads on all servers in turns.
func (b *bench) measureAgainst(ctx context.Context) (*AgainstReport, error) {
	report := &AgainstReport{Rows: []AgainstResult{}, Ratios: []AgainstRatio{}}
	a := &against{bench: b, missing: func(err error) {
		if !slices.Contains(report.Missing, err.Error()) {
			report.Missing = append(report.Missing, err.Error())
			b.logf("against: %s", err)
		}
	}}
	for _, name := range b.cmd.Against {
		p, err := peer.Find(name)
		if err != nil {
			a.missing(err)
			continue
		}
		a.peers = append(a.peers, p)
	}
	var turns []map[againstCell]againstMeasures
	for i := range b.cmd.Turns {
		b.logf("against: turn %d of %d", i+1, b.cmd.Turns)
		a.turn = map[againstCell]againstMeasures{}
		for _, l := range againstLoads {
			if err := a.measureLoad(ctx, l, i); err != nil {
				return nil, fmt.Errorf("%s: %w", l.name, err)
			}
		}
		turns = append(turns, a.turn)
		b.progress.Done()
	}
	report.summarize(turns, a.peers)
	return report, nil
}

// against is one comparison.
type against struct {
	*bench
	peers   []*peer.Peer
	missing func(error)
	turn    map[againstCell]againstMeasures
}

// measureLoad measures one load on each server that knows it. first rotates their
// order.
func (a *against) measureLoad(ctx context.Context, l againstLoad, first int) error {
	var cells []func() error
	for _, way := range l.own {
		cells = append(cells, func() error { return a.measureOwn(ctx, l, way) })
	}
	for _, p := range a.peers {
		if !l.read || p.Name == "redis" {
			cells = append(cells, func() error { return a.measurePeer(ctx, l, p) })
		}
	}
	for i := range cells {
		if err := cells[(i+first)%len(cells)](); err != nil {
			return err
		}
	}
	return nil
}

// measureOwn measures one load on a server of its own.
func (a *against) measureOwn(ctx context.Context, l againstLoad, way string) (err error) {
	dir, done, err := scratch(a.dir, "against")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	s, err := boot(ctx, dir, a.env())
	if err != nil {
		return err
	}
	defer s.kill()
	if err := s.configure(ctx, againstTopic, "fsync"); err != nil {
		return err
	}
	if l.read {
		if err := fill(ctx, s.addr, 16, a.cmd.ReadRecords/readBatch, same(writeRequest(againstTopic, readBatch))); err != nil {
			return err
		}
		return a.measureReading(ctx, againstCell{l.name, way}, s.addr, s.process.Pid(), readStep(againstTopic))
	}
	speak := speakHTTP(l.batch)
	if way == overSocket {
		speak = speakSocket(l.batch)
	}
	return a.measureWriting(ctx, againstCell{l.name, way}, s.process.Pid(), func() (pipes, error) {
		return openPipes(s.addr, l.connections, speak, l.ownFlight())
	})
}

// measurePeer measures one load on a new process of a peer.
func (a *against) measurePeer(ctx context.Context, l againstLoad, p *peer.Peer) (err error) {
	dir, done, err := scratch(a.dir, p.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	process, err := p.Start(dir)
	if err != nil {
		return err
	}
	defer process.Stop()
	speak := func(n int) peer.Protocol { return p.Speak(n, recordBytes) }
	cell := againstCell{l.name, p.Name}
	if l.read {
		if err := fillPeer(ctx, process.Addr, speak, a.cmd.ReadRecords); err != nil {
			return err
		}
		return a.measureReading(ctx, cell, process.Addr, process.Pid(), readPeer(peer.NewReading(1000)))
	}
	return a.measureWriting(ctx, cell, process.Pid(), func() (pipes, error) {
		return openPipes(process.Addr, l.connections, speak, l.flight)
	})
}

// fillPeer writes so many records over one connection.
func fillPeer(ctx context.Context, addr string, speak func(int) peer.Protocol, records int) error {
	const together = 1000
	p, err := openPipe(addr, speak(0), flight{size: together, together: true})
	if err != nil {
		return err
	}
	defer p.net.Close()
	buf := make([]byte, 64<<10)
	for n := 0; p.acked.Load() < int64(records) && ctx.Err() == nil; {
		if err := p.send(together); err != nil {
			return err
		}
		for flying := together; flying > 0; {
			got, err := p.net.Read(buf[n:])
			if err != nil {
				return err
			}
			acks, used, err := p.answers(buf[:n+got], flying, false)
			if err != nil {
				return err
			}
			flying -= acks
			n = copy(buf, buf[used:n+got])
		}
	}
	return ctx.Err()
}

// readPeer returns a step that reads the next page of a peer.
func readPeer(r *peer.Reading) func(*conn) (moved, error) {
	return func(c *conn) (moved, error) {
		if _, err := c.net.Write(r.Request()); err != nil {
			return moved{}, err
		}
		for n := 0; ; {
			var err error
			if n, err = c.more(n); err != nil {
				return moved{}, err
			}
			records, size, err := r.Page(c.buf[:n])
			if err != nil || size > 0 {
				return moved{records: int64(records), bytes: int64(size)}, err
			}
		}
	}
}

// measureWriting measures one load of writes.
func (a *against) measureWriting(ctx context.Context, cell againstCell, pid int, open func() (pipes, error)) error {
	all, err := open()
	if err != nil {
		return err
	}
	runners := make([]runner, len(all))
	for i, p := range all {
		runners[i] = p
	}
	got, err := a.price(ctx, pid, runners, all.acked)
	return a.note(cell, got, err)
}

// measureReading measures one reader.
func (a *against) measureReading(ctx context.Context, cell againstCell, addr string, pid int, step func(*conn) (moved, error)) error {
	c, err := dial(addr)
	if err != nil {
		return err
	}
	defer c.close()
	var records atomic.Int64
	reader := &worker{conn: c, step: func(c *conn) (moved, error) {
		m, err := step(c)
		records.Add(m.records)
		return m, err
	}}
	got, err := a.price(ctx, pid, []runner{reader}, records.Load)
	return a.note(cell, got, err)
}

// note keeps what was measured of a cell in this turn.
func (a *against) note(cell againstCell, got priced, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", cell.server, err)
	}
	if got.uncounted != nil {
		a.missing(fmt.Errorf("system calls are not counted: %w", got.uncounted))
	}
	if got.records == 0 || len(got.took) == 0 {
		return fmt.Errorf("%s: nothing was acknowledged", cell.server)
	}
	each := func(d time.Duration) float64 { return micros(d) / float64(got.records) }
	m := againstMeasures{
		Records: float64(got.records) / got.elapsed.Seconds(), P50US: micros(quantile.Median(got.took)), P99US: micros(quantile.Of(got.took, 0.99)),
		ServerUS: each(got.usage.server), ClientUS: each(got.usage.client),
		Calls: got.calls, Switches: float64(got.switches) / float64(got.records),
	}
	a.turn[cell] = m
	a.logf("against: %-26s %-18s %9.0f records/s  p50 %7.0f us  server CPU %6.2f us a record  %5.2f calls", cell.load, cell.server, m.Records, m.P50US, m.ServerUS, m.Calls)
	return nil
}
