package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

// historyReads is the number of topics to read.
const historyReads = 50

// HistoryResult is the speed at which one connection reads the whole histories
// of topics, one after the other, from segments. The server has just started,
// so its cache is empty, but the kernel has the files in memory.
type HistoryResult struct {
	// Written is how the topics were written: in turn, or each alone.
	Written  string  `json:"written"`
	Topics   int     `json:"topics"` // number of topics written
	Read     int     `json:"topics_read"`
	Segments int     `json:"segments"`
	Records  float64 `json:"records_per_s"`
	MBs      float64 `json:"mb_per_s"`
}

// measureHistory measures topics that were written in turn, so that their
// records are interleaved on disk, and topics that were written one after the
// other.
func (b *bench) measureHistory(ctx context.Context) ([]HistoryResult, error) {
	topics := b.cmd.Topics
	each := max(int(b.cmd.HistoryRecords)/topics/curveBatch, 1) // writes
	var results []HistoryResult
	for _, order := range []struct {
		name  string
		topic func(write int) int
	}{
		{"in turn", func(write int) int { return write % topics }},
		{"alone", func(write int) int { return write / each }},
	} {
		r, err := b.measureOrder(ctx, each*topics, order.topic)
		if err != nil {
			return results, fmt.Errorf("history written %s: %w", order.name, err)
		}
		r.Written = order.name
		b.logf("history: written %s  %9.0f records/s from %d segments", r.Written, r.Records, r.Segments)
		results = append(results, r)
	}
	return results, nil
}

func (b *bench) measureOrder(ctx context.Context, writes int, topic func(write int) int) (r HistoryResult, err error) {
	dir, done, err := scratch(b.dir, "history")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if err := b.writeHistory(ctx, dir, writes, topic); err != nil {
		return r, err
	}
	server, err := boot(ctx, dir, append(append(b.env(), noCheckpoints...), smallCache))
	if err != nil {
		return r, err
	}
	defer server.kill()
	m, err := server.metrics(ctx)
	if err != nil {
		return r, err
	}
	r.Topics, r.Read, r.Segments = b.cmd.Topics, min(historyReads, b.cmd.Topics), m.Storage.Segments
	c, err := load.Dial(server.addr)
	if err != nil {
		return r, err
	}
	defer c.Close()
	var total load.Moved
	began := time.Now()
	for i := range r.Read {
		// Far apart, so that no two of them share a block.
		got, err := readAll(c, topicName(i*b.cmd.Topics/r.Read))
		if err != nil {
			return r, err
		}
		total.Add(got)
	}
	took := time.Since(began)
	if want := int64(writes / b.cmd.Topics * r.Read * curveBatch); total.Records != want {
		return r, fmt.Errorf("%d records were read, %d written", total.Records, want)
	}
	r.Records = float64(total.Records) / took.Seconds()
	r.MBs = megabytesPerSecond(total.Bytes, took)
	return r, nil
}

// writeHistory writes the topics and moves everything into segments.
func (b *bench) writeHistory(ctx context.Context, dir string, writes int, topic func(write int) int) error {
	server, err := boot(ctx, dir, append(b.env(), "TOPICS_CHECKPOINT_BYTES=64MiB"))
	if err != nil {
		return err
	}
	defer server.kill()
	err = load.Fill(ctx, server.addr, curveConns, writes, func(buf []byte, i int) []byte {
		return b.corpus.appendWrite(buf, topicName(topic(i)), i*curveBatch, curveBatch, b.cmd.Size)
	})
	if err == nil {
		err = server.api.Checkpoint(ctx)
	}
	if err == nil {
		_, err = server.stop()
	}
	return err
}

// readAll reads a topic from its start to its head.
func readAll(c *load.Conn, topic string) (total load.Moved, err error) {
	var (
		request  []byte
		from     uint64
		caughtUp bool
	)
	for !caughtUp {
		request = load.AppendReadRequest(request[:0], topic, from)
		page, err := c.Expect(request, 200)
		if err != nil {
			return total, err
		}
		total.Add(load.Moved{Records: int64(load.CountRecords(page)), Bytes: int64(len(page))})
		if from, caughtUp, err = load.Cursor(page); err != nil {
			return total, err
		}
	}
	return total, nil
}
