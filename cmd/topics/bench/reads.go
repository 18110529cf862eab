package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

// readBatch is the batch size with which the records are written.
const readBatch = 100

// ReadResult is one row of the reads: each connection repeatedly reads the
// topic from its start in pages of 1000 records.
type ReadResult struct {
	// From is the source of the payloads: the server's cache, its log files or its
	// segments. The kernel may have the files in memory.
	From    string         `json:"from"`
	Readers int            `json:"readers"`
	Records float64        `json:"records_per_s"`
	MBs     float64        `json:"mb_per_s"` // of response bodies
	P50US   float64        `json:"p50_us"`   // latency of a page
	P99US   float64        `json:"p99_us"`
	CPU     load.CPUShares `json:"cpu"`
	// Ratio is MBs in relation to a raw sequential read and checksum.
	Ratio float64 `json:"ratio"`
}

// measureReads measures reads with a cache that holds everything and with
// almost none.
func (b *bench) measureReads(ctx context.Context) ([]ReadResult, error) {
	cache := int64(b.cmd.ReadRecords) * 2 * load.RecordBytes
	hot, err := b.measureReadsFrom(ctx, "cache", fmt.Sprintf("TOPICS_CACHE_BYTES=%d", cache))
	if err != nil {
		return nil, err
	}
	results := hot
	for _, from := range []string{"log", "segments"} {
		cold, err := b.measureReadsFrom(ctx, from, smallCache)
		if err != nil {
			return nil, err
		}
		results = append(results, cold...)
	}
	return results, nil
}

func (b *bench) measureReadsFrom(ctx context.Context, from, cache string) (results []ReadResult, err error) {
	dir, done, err := scratch(b.dir, "reads")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	server, err := boot(ctx, dir, append(append(b.env(), noCheckpoints...), cache))
	if err != nil {
		return nil, err
	}
	defer server.kill()
	const topic = "bench-reads"
	if err := server.configure(ctx, topic, "disk"); err != nil {
		return nil, err
	}
	if err := load.Fill(ctx, server.addr, 16, b.cmd.ReadRecords/readBatch, load.Same(load.WriteRequest(topic, readBatch))); err != nil {
		return nil, fmt.Errorf("write the records to be read: %w", err)
	}
	if from == "segments" {
		if err := server.api.Checkpoint(ctx); err != nil {
			return nil, err
		}
	}
	size, took, err := measureScan(child.DataDir(dir))
	if err != nil {
		return nil, err
	}
	for _, readers := range []int{1, 4} {
		r, err := b.measureReaders(ctx, server, topic, readers)
		if err != nil {
			return nil, err
		}
		r.From = from
		r.Ratio = r.MBs / megabytesPerSecond(size, took)
		b.logf("reads: %d from the %s  %9.0f records/s  p50 of a page %7.0f us", readers, from, r.Records, r.P50US)
		results = append(results, r)
	}
	return results, nil
}

func (b *bench) measureReaders(ctx context.Context, s *server, topic string, readers int) (ReadResult, error) {
	all, err := load.DialAll(s.addr, readers)
	if err != nil {
		return ReadResult{}, err
	}
	defer load.CloseAll(all)
	workers := make([]*load.Worker, readers)
	for i := range workers {
		workers[i] = &load.Worker{Conn: all[i], Step: readStep(topic)}
	}
	l, err := load.Drive(ctx, workers, s.process.Pid(), b.cmd.Warmup, b.cmd.Interval)
	return ReadResult{
		Readers: readers,
		Records: l.PerSecond(l.Moved.Records),
		MBs:     megabytesPerSecond(l.Moved.Bytes, l.Elapsed),
		P50US:   load.Micros(quantile.Median(l.Latencies)),
		P99US:   load.Micros(quantile.Of(l.Latencies, 0.99)),
		CPU:     l.CPU,
	}, err
}

// readStep returns a step that reads the next page, and at the end starts over.
func readStep(topic string) func(*load.Conn) (load.Moved, error) {
	var (
		request []byte
		from    uint64
	)
	return func(c *load.Conn) (load.Moved, error) {
		request = load.AppendReadRequest(request[:0], topic, from)
		page, err := c.Expect(request, 200)
		if err != nil {
			return load.Moved{}, err
		}
		next, caughtUp, err := load.Cursor(page)
		if from = next; caughtUp {
			from = 0
		}
		return load.Moved{Records: int64(load.CountRecords(page)), Bytes: int64(len(page))}, err
	}
}

// megabytesPerSecond returns a rate in units of 1e6 bytes.
func megabytesPerSecond(size int64, took time.Duration) float64 {
	return float64(size) / 1e6 / took.Seconds()
}
