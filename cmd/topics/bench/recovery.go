package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/child"
)

const (
	// curveBatch is the batch size with which records are written over curveConns
	// connections.
	curveBatch = 100
	curveConns = 16
	// curveCache is the size of the server's cache.
	curveCache = 64 << 20
)

// RecoveryResult is the result of restarts with a given amount of data. The
// server has its default settings except for the cache.
type RecoveryResult struct {
	Records int `json:"records"`
	Topics  int `json:"topics"`
	Size    int `json:"record_bytes"`
	// Loaded is the rate at which records were written.
	Loaded float64 `json:"loaded_records_per_s"`
	// Size of the data on disk at the time of the kill.
	LogBytes     int64 `json:"log_bytes"`
	SegmentBytes int64 `json:"segment_bytes"` // data and indexes, without cold data
	ColdBytes    int64 `json:"cold_bytes"`
	// Resident memory after the load, its maximum until then, and after the
	// restart.
	CacheBytes    int64 `json:"cache_bytes"`
	ResidentBytes int64 `json:"resident_bytes"`
	PeakBytes     int64 `json:"peak_resident_bytes"`
	RestartBytes  int64 `json:"resident_bytes_after_restart"`
	// ReadyMS is the time from the start of the process to ready after SIGKILL.
	// ReplayMS is the part of it for the replay of the log, which had the given
	// bytes and records.
	ReadyMS         float64 `json:"ready_ms"`
	ReplayMS        float64 `json:"replay_ms"`
	ReplayedBytes   int64   `json:"replayed_bytes"`
	ReplayedRecords int64   `json:"replayed_records"`
	// StopMS is the time of an orderly stop, and CleanMS the time from the start
	// to ready after it.
	StopMS  float64 `json:"stop_ms"`
	CleanMS float64 `json:"clean_ready_ms"`
}

// measureRecovery measures each number of records in a new directory.
func (b *bench) measureRecovery(ctx context.Context) ([]RecoveryResult, error) {
	var results []RecoveryResult
	for _, records := range b.cmd.Records {
		r, err := b.measurePoint(ctx, int(records))
		if err != nil {
			return results, fmt.Errorf("recovery of %d records: %w", records, err)
		}
		b.logf("recovery: %d records  %.0f records/s  ready in %.0f ms after a kill, %.0f ms after a stop, resident %.0f MB",
			r.Records, r.Loaded, r.ReadyMS, r.CleanMS, float64(r.ResidentBytes)/1e6)
		results = append(results, r)
	}
	return results, nil
}

func (b *bench) measurePoint(ctx context.Context, records int) (r RecoveryResult, err error) {
	dir, done, err := scratch(b.dir, "recovery")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, done()) }()
	env := append(b.env(), fmt.Sprintf("TOPICS_CACHE_BYTES=%d", curveCache))
	r = RecoveryResult{Records: records, Topics: b.cmd.Topics, Size: b.cmd.Size, CacheBytes: curveCache}
	if err := b.loadPoint(ctx, dir, env, &r); err != nil {
		return r, err
	}
	killed, err := boot(ctx, dir, env)
	if err != nil {
		return r, err
	}
	defer killed.kill()
	if err := b.restarted(ctx, killed, &r); err != nil {
		return r, err
	}
	stop, err := killed.stop()
	if err != nil {
		return r, err
	}
	r.StopMS = milliseconds(stop)
	stopped, err := boot(ctx, dir, env)
	if err != nil {
		return r, err
	}
	defer stopped.kill()
	r.CleanMS = milliseconds(stopped.ready)
	report, err := stopped.recovery(ctx)
	if err == nil && !report.Clean {
		err = fmt.Errorf("the server was not stopped cleanly: %s", killed.process.Output())
	}
	return r, err
}

// loadPoint loads a server, measures it, and kills it with SIGKILL.
func (b *bench) loadPoint(ctx context.Context, dir string, env []string, r *RecoveryResult) error {
	server, err := boot(ctx, dir, env)
	if err != nil {
		return err
	}
	defer server.kill()
	began := time.Now()
	if err := b.fillTopics(ctx, server, r.Records); err != nil {
		return err
	}
	r.Loaded = float64(r.Records) / time.Since(began).Seconds()
	m, err := server.metrics(ctx)
	if err != nil {
		return err
	}
	s := &m.Storage
	r.LogBytes, r.ColdBytes = s.LogBytes, s.ColdSegmentBytes
	r.SegmentBytes = s.SegmentBytes + s.SegmentIndexBytes - s.ColdSegmentBytes
	if r.PeakBytes, err = child.Peak(server.process.Pid()); err != nil {
		return err
	}
	r.ResidentBytes, err = server.settled(ctx, b.cmd.Settle)
	return err
}

// fillTopics writes records to the topics in turn.
func (b *bench) fillTopics(ctx context.Context, s *server, records int) error {
	writes := max(records/curveBatch, 1)
	return load.Fill(ctx, s.addr, curveConns, writes, b.corpus.interleaved(b.cmd.Topics, curveBatch, b.cmd.Size, 0))
}

// restarted measures the server after its start.
func (b *bench) restarted(ctx context.Context, s *server, r *RecoveryResult) error {
	r.ReadyMS = milliseconds(s.ready)
	report, err := s.recovery(ctx)
	if err != nil {
		return err
	}
	r.ReplayedBytes, r.ReplayedRecords = report.Bytes, report.Records
	replay, err := replayTime(report)
	if err != nil {
		return err
	}
	r.ReplayMS = milliseconds(replay)
	r.RestartBytes, err = s.settled(ctx, b.cmd.Settle)
	return err
}
