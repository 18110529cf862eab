package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/child"
)

const (
	// replayCache is the size of the server's cache while its memory is measured.
	replayCache = 4 << 20
)

// ReplayResult is a restart after SIGKILL of a server that took no checkpoints,
// so that the whole log is replayed.
type ReplayResult struct {
	Records int `json:"records"`
	Batch   int `json:"batch"`
	// LogBytes is what was written to the log before the kill.
	LogBytes int64 `json:"log_bytes"`
	// ReadyMS is the time from the start of the process to ready; EmptyMS is the
	// same without data. ReplayMS is the duration of the replay as the server
	// reports it, and MBs is LogBytes divided by it.
	ReadyMS  float64 `json:"ready_ms"`
	EmptyMS  float64 `json:"empty_ready_ms"`
	ReplayMS float64 `json:"replay_ms"`
	MBs      float64 `json:"mb_per_s"`
	// ScanMBs is the rate of a raw sequential read and checksum of the same files
	// just before the restart; Ratio is MBs in relation to it.
	ScanMBs float64 `json:"scan_mb_per_s"`
	Ratio   float64 `json:"ratio"`
	// Progress is the number of distinct replay_progress values seen.
	Progress int `json:"progress_values"`
	// ResidentBytes and EmptyBytes are the server's memory with and without the
	// data, CacheBytes is its cache. BytesPerRecord is the difference without the
	// cache, per record.
	ResidentBytes  int64   `json:"resident_bytes"`
	EmptyBytes     int64   `json:"empty_resident_bytes"`
	CacheBytes     int64   `json:"cache_bytes"`
	BytesPerRecord float64 `json:"bytes_per_record"`
}

// measureReplay measures a log of batches and one of single records, which is
// the worst case for the index: it has an entry per write.
func (b *bench) measureReplay(ctx context.Context) ([]ReplayResult, error) {
	var results []ReplayResult
	for _, part := range []struct{ records, batch int }{
		{b.cmd.ReplayRecords, 100},
		{b.cmd.ReplayRecords / 10, 1},
	} {
		r, err := b.measureRestart(ctx, part.records/part.batch, part.batch)
		if err != nil {
			return results, fmt.Errorf("replay of %d records: %w", part.records, err)
		}
		b.logf("replay: %d records in batches of %d  ready in %.0f ms, %.0f MB/s, %.1f B/record",
			r.Records, r.Batch, r.ReadyMS, r.MBs, r.BytesPerRecord)
		results = append(results, r)
	}
	return results, nil
}

func (b *bench) measureRestart(ctx context.Context, writes, batch int) (r ReplayResult, err error) {
	dir, done, err := scratch(b.dir, "replay")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, done()) }()
	r = ReplayResult{Records: writes * batch, Batch: batch, CacheBytes: replayCache}
	if err := b.measureEmpty(ctx, filepath.Join(dir, "empty"), &r); err != nil {
		return r, err
	}
	full := filepath.Join(dir, "full")
	if r.LogBytes, err = b.fillAndKill(ctx, full, writes, batch); err != nil {
		return r, err
	}
	size, took, err := measureScan(child.DataDir(full))
	if err != nil {
		return r, err
	}
	r.ScanMBs = megabytesPerSecond(size, took)
	server, err := boot(ctx, full, b.replayEnv())
	if err != nil {
		return r, err
	}
	defer server.kill()
	r.ReadyMS = milliseconds(server.ready)
	report, err := server.recovery(ctx)
	if err != nil {
		return r, err
	}
	replay, err := replayTime(report)
	if err != nil {
		return r, err
	}
	r.ReplayMS = milliseconds(replay)
	r.MBs = megabytesPerSecond(r.LogBytes, replay)
	r.Ratio = r.MBs / r.ScanMBs
	r.Progress = server.values()
	if r.ResidentBytes, err = server.settled(ctx, b.cmd.Settle); err != nil {
		return r, err
	}
	r.BytesPerRecord = float64(r.ResidentBytes-r.EmptyBytes-r.CacheBytes) / float64(r.Records)
	return r, nil
}

// measureEmpty boots a server without data.
func (b *bench) measureEmpty(ctx context.Context, dir string, r *ReplayResult) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	server, err := boot(ctx, dir, b.replayEnv())
	if err != nil {
		return err
	}
	defer server.kill()
	r.EmptyMS = milliseconds(server.ready)
	r.EmptyBytes, err = server.settled(ctx, b.cmd.Settle)
	return err
}

// fillAndKill loads a server, kills it with SIGKILL, and returns the bytes
// written to the log.
func (b *bench) fillAndKill(ctx context.Context, dir string, writes, batch int) (int64, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, err
	}
	server, err := boot(ctx, dir, b.replayEnv())
	if err != nil {
		return 0, err
	}
	defer server.kill()
	const topic = "bench-replay"
	if err := server.configure(ctx, topic, "disk"); err != nil {
		return 0, err
	}
	conns := 16
	if batch == 1 {
		conns = 64
	}
	if err := load.Fill(ctx, server.addr, conns, writes, load.Same(load.WriteRequest(topic, batch))); err != nil {
		return 0, err
	}
	m, err := server.metrics(ctx)
	return int64(m.WAL.BytesWritten), err
}

func (b *bench) replayEnv() []string {
	return append(append(b.env(), noCheckpoints...), fmt.Sprintf("TOPICS_CACHE_BYTES=%d", replayCache))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
