package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// GroupCommit is the throughput of the raw log, without HTTP and topics:
// goroutines that each append a frame of the given number of records and wait
// for it.
type GroupCommit struct {
	Writers int `json:"writers"`
	Batch   int `json:"batch"`
	// Records per second, waiting for the write and for the sync.
	Written float64 `json:"written_records_per_s"`
	Synced  float64 `json:"synced_records_per_s"`
}

// frameBytes returns about how many bytes of log a write of batch records
// takes.
func frameBytes(batch int) int { return 40 + batch*(load.RecordBytes+10) }

// measureGroupCommit runs both loops in dir, each with a warm-up and for the
// given time.
func measureGroupCommit(ctx context.Context, dir string, writers, batch int, warmup, each time.Duration) (GroupCommit, error) {
	g := GroupCommit{Writers: writers, Batch: batch}
	for _, loop := range []struct {
		rate *float64
		wait func(*wal.Log, wal.LSN) error
	}{
		{&g.Written, (*wal.Log).WaitWritten},
		{&g.Synced, (*wal.Log).WaitSynced},
	} {
		frames, err := groupLoop(ctx, filepath.Join(dir, "group"), writers, batch, warmup, each, loop.wait)
		if err != nil {
			return g, fmt.Errorf("raw group commit: %w", err)
		}
		*loop.rate = frames * float64(batch)
	}
	return g, nil
}

// groupLoop returns the frames per second of writers goroutines on a log of
// their own.
func groupLoop(ctx context.Context, dir string, writers, batch int, warmup, during time.Duration,
	wait func(*wal.Log, wal.LSN) error) (perSecond float64, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log, err := openLog(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	var (
		frames  atomic.Int64
		stop    atomic.Bool
		running sync.WaitGroup
		errs    = make([]error, writers)
		body    = make([]byte, frameBytes(batch))
	)
	for i := range body {
		body[i] = byte(i) | 1
	}
	for i := range writers {
		running.Go(func() {
			for errs[i] == nil && !stop.Load() {
				errs[i] = appendFrame(ctx, log, body, wait)
				frames.Add(1)
			}
		})
	}
	load.Pause(ctx, warmup)
	before, began := frames.Load(), time.Now()
	load.Pause(ctx, during)
	perSecond = float64(frames.Load()-before) / time.Since(began).Seconds()
	stop.Store(true)
	running.Wait()
	return perSecond, errors.Join(append(errs, ctx.Err())...)
}

func appendFrame(ctx context.Context, log *wal.Log, body []byte, wait func(*wal.Log, wal.LSN) error) error {
	room, err := log.Reserve(ctx, len(body), wal.Patient)
	if err != nil {
		return err
	}
	defer room.Release()
	span, err := room.Append(1, nil, body)
	if err != nil {
		return err
	}
	return wait(log, span.End)
}

// openLog opens an empty log with the server's defaults.
func openLog(dir string) (*wal.Log, error) {
	replay, err := wal.Open(wal.Options{
		FS: vfs.OS(), Dir: dir, LogID: 1,
		FileBytes: 64 << 20, QueueBytes: 64 << 20, CacheBytes: 64 << 20,
		DiskSync: 10 * time.Millisecond, QueueWait: time.Second,
	})
	if err != nil {
		return nil, err
	}
	tail, err := replay.Run(func(wal.Frame) error { return nil }, func(int64) {})
	if err != nil {
		return nil, err
	}
	return tail.Open()
}
