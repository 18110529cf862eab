package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
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
	flight load.Flight
	// own are the ways in which the server gets the same: requests of batch records.
	own   []string
	batch int
	read  bool // pages are read; a peer other than redis has no such thing
}

// againstLoads are all loads.
var againstLoads = []againstLoad{
	{name: "one writer", connections: 1, flight: load.Flight{Size: 1}, own: []string{overHTTP, overSocket}, batch: 1},
	{name: "64 writers", connections: 64, flight: load.Flight{Size: 1}, own: []string{overHTTP, overSocket}, batch: 1},
	{name: "4 writers, 64 in flight", connections: 4, flight: load.Flight{Size: 64}, own: []string{overSocket}, batch: 1},
	{name: "16 writers, batches of 100", connections: 16, flight: load.Flight{Size: 100, Together: true}, own: []string{overHTTP, overSocket}, batch: 100},
	{name: "one reader, pages of 1,000", connections: 1, own: []string{overHTTP}, read: true},
}

// ownFlight is that of the server.
func (l *againstLoad) ownFlight() load.Flight {
	if l.batch > 1 {
		return load.Flight{Size: 1}
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
	if err := s.configure(ctx, load.AgainstTopic, "fsync"); err != nil {
		return err
	}
	if l.read {
		if err := load.Fill(ctx, s.addr, 16, a.cmd.ReadRecords/readBatch, load.Same(load.WriteRequest(load.AgainstTopic, readBatch))); err != nil {
			return err
		}
		return a.measureReading(ctx, againstCell{l.name, way}, s.addr, s.process.Pid(), readStep(load.AgainstTopic))
	}
	speak := load.SpeakHTTP(l.batch)
	if way == overSocket {
		speak = load.SpeakSocket(l.batch)
	}
	return a.measureWriting(ctx, againstCell{l.name, way}, s.process.Pid(), func() (load.Pipes, error) {
		return load.OpenPipes(s.addr, l.connections, speak, l.ownFlight())
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
	speak := func(n int) peer.Protocol { return p.Speak(n, load.RecordBytes) }
	cell := againstCell{l.name, p.Name}
	if l.read {
		if err := fillPeer(ctx, process.Addr, speak, a.cmd.ReadRecords); err != nil {
			return err
		}
		return a.measureReading(ctx, cell, process.Addr, process.Pid(), readPeer(peer.NewReading(1000)))
	}
	return a.measureWriting(ctx, cell, process.Pid(), func() (load.Pipes, error) {
		return load.OpenPipes(process.Addr, l.connections, speak, l.flight)
	})
}

// fillPeer writes so many records over one connection.
func fillPeer(ctx context.Context, addr string, speak func(int) peer.Protocol, records int) error {
	const together = 1000
	p, err := load.OpenPipe(addr, speak(0), load.Flight{Size: together, Together: true})
	if err != nil {
		return err
	}
	defer p.Net.Close()
	buf := make([]byte, 64<<10)
	for n := 0; p.Acked.Load() < int64(records) && ctx.Err() == nil; {
		if err := p.Send(together); err != nil {
			return err
		}
		for flying := together; flying > 0; {
			got, err := p.Net.Read(buf[n:])
			if err != nil {
				return err
			}
			acks, used, err := p.Answers(buf[:n+got], flying, false)
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
func readPeer(r *peer.Reading) func(*load.Conn) (load.Moved, error) {
	return func(c *load.Conn) (load.Moved, error) {
		if _, err := c.Net.Write(r.Request()); err != nil {
			return load.Moved{}, err
		}
		for n := 0; ; {
			var err error
			if n, err = c.More(n); err != nil {
				return load.Moved{}, err
			}
			records, size, err := r.Page(c.Buf[:n])
			if err != nil || size > 0 {
				return load.Moved{Records: int64(records), Bytes: int64(size)}, err
			}
		}
	}
}

// measureWriting measures one load of writes.
func (a *against) measureWriting(ctx context.Context, cell againstCell, pid int, open func() (load.Pipes, error)) error {
	all, err := open()
	if err != nil {
		return err
	}
	runners := make([]runner, len(all))
	for i, p := range all {
		runners[i] = p
	}
	got, err := a.price(ctx, pid, runners, all.Acked)
	return a.note(cell, got, err)
}

// measureReading measures one reader.
func (a *against) measureReading(ctx context.Context, cell againstCell, addr string, pid int, step func(*load.Conn) (load.Moved, error)) error {
	c, err := load.Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var records atomic.Int64
	reader := &load.Worker{Conn: c, Step: func(c *load.Conn) (load.Moved, error) {
		m, err := step(c)
		records.Add(m.Records)
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
	each := func(d time.Duration) float64 { return load.Micros(d) / float64(got.records) }
	m := againstMeasures{
		Records: float64(got.records) / got.elapsed.Seconds(), P50US: load.Micros(quantile.Median(got.took)), P99US: load.Micros(quantile.Of(got.took, 0.99)),
		ServerUS: each(got.usage.Server), ClientUS: each(got.usage.Client),
		Calls: got.calls, Switches: float64(got.switches) / float64(got.records),
	}
	a.turn[cell] = m
	a.logf("against: %-26s %-18s %9.0f records/s  p50 %7.0f us  server CPU %6.2f us a record  %5.2f calls", cell.load, cell.server, m.Records, m.P50US, m.ServerUS, m.Calls)
	return nil
}
