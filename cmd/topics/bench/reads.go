package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	From    string    `json:"from"`
	Readers int       `json:"readers"`
	Records float64   `json:"records_per_s"`
	MBs     float64   `json:"mb_per_s"` // of response bodies
	P50US   float64   `json:"p50_us"`   // latency of a page
	P99US   float64   `json:"p99_us"`
	CPU     cpuShares `json:"cpu"`
	// Ratio is MBs in relation to a raw sequential read and checksum.
	Ratio float64 `json:"ratio"`
}

// measureReads measures reads with a cache that holds everything and with
// almost none.
func (b *bench) measureReads(ctx context.Context) ([]ReadResult, error) {
	cache := int64(b.cmd.ReadRecords) * 2 * recordBytes
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
	if err := fill(ctx, server.addr, 16, b.cmd.ReadRecords/readBatch, same(writeRequest(topic, readBatch))); err != nil {
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
	all, err := dialAll(s.addr, readers)
	if err != nil {
		return ReadResult{}, err
	}
	defer closeAll(all)
	workers := make([]*worker, readers)
	for i := range workers {
		workers[i] = &worker{conn: all[i], step: readStep(topic)}
	}
	l, err := drive(ctx, workers, s.process.Pid(), b.cmd.Warmup, b.cmd.Interval)
	return ReadResult{
		Readers: readers,
		Records: l.perSecond(l.moved.records),
		MBs:     megabytesPerSecond(l.moved.bytes, l.elapsed),
		P50US:   micros(quantile.Median(l.latencies)),
		P99US:   micros(quantile.Of(l.latencies, 0.99)),
		CPU:     l.cpu,
	}, err
}

// readStep returns a step that reads the next page, and at the end starts over.
func readStep(topic string) func(*conn) (moved, error) {
	var (
		request []byte
		from    uint64
	)
	return func(c *conn) (moved, error) {
		request = appendReadRequest(request[:0], topic, from)
		page, err := c.expect(request, 200)
		if err != nil {
			return moved{}, err
		}
		next, caughtUp, err := cursor(page)
		if from = next; caughtUp {
			from = 0
		}
		return moved{records: int64(countRecords(page)), bytes: int64(len(page))}, err
	}
}

// megabytesPerSecond returns a rate in units of 1e6 bytes.
func megabytesPerSecond(size int64, took time.Duration) float64 {
	return float64(size) / 1e6 / took.Seconds()
}
