package main

import (
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// apiOptions returns the options of the HTTP side. It is called before there is
// data, so functions that need the data look it up each time.
func (s *server) apiOptions() api.Options {
	c := s.config
	node := c.NodeID
	if node == "" {
		node, _ = os.Hostname() // an empty name is acceptable
	}
	var trail *zerolog.Logger
	if s.trail != nil {
		trail = s.trail.logger()
	}
	return api.Options{
		Audit:   trail,
		Version: version,
		NodeID:  node,
		Gate:    s.gate,
		Health:  vitals{s.health, s.watchdog},
		Limits: wire.Limits{
			MaxBodyBytes:     c.MaxBodyBytes,
			MaxBatchRecords:  c.MaxBatchRecords,
			MaxInflightBytes: c.MaxInflightBytes,
			ProcessBytes:     c.ProcessBytes(),
			StreamBytes:      c.StreamBytes,
			MaxHeader:        c.HeaderBytes(),
			MaxRecordBytes:   int(c.MaxRecordBytes),
			MaxMetaBytes:     int(c.MaxMetaBytes),
			MaxTagBytes:      int(c.MaxTagBytes),
			MaxNodeBytes:     int(c.MaxNodeBytes),
			MaxLimit:         c.MaxLimit,
			MetricsMaxTopics: c.MetricsMaxTopics,

			MaxStreams:        orUnlimited(c.MaxStreams),
			MaxStreamsPerKey:  orUnlimited(c.MaxStreamsPerKey),
			MaxInflightPerKey: orUnlimited(c.MaxInflightPerKey),
			AdminReads:        c.MaxAdminReads,
			WrongKeyDelay:     wrongKeyDelay,
			MaxTotalBytes:     c.MaxTotalBytes,

			MaxWatchTopics:   c.MaxWatchTopics,
			MaxClaim:         c.MaxClaim,
			MaxWatchSessions: orUnlimited(c.MaxWatchSessions),
			SSEMaxAge:        c.SSEMaxAge,
		},
		Log:        s.log,
		WAL:        s.walStats,
		Position:   s.position,
		Disk:       s.disk.Space,
		Report:     s.reportView,
		Recovered:  s.recovered,
		Storage:    storageView{s},
		Backups:    s.pastBackups,
		LastBackup: s.lastBackup,

		BackupVerified: s.backupVerified,
		LastVerified:   s.lastVerified,

		Descriptors: s.descriptors.open.Load,

		Config: c.Map(),

		Keys:        c.Keys,
		Hosts:       c.Names(),
		ProbeAuth:   c.ProbeAuth,
		CORSOrigins: c.CORSOrigins,
		OpsApart:    c.OpsAddr != "",
	}
}

// wrongKeyDelay is how long the answer to a wrong key takes once there are many
// of them.
const wrongKeyDelay = time.Second

// orUnlimited returns n, or math.MaxInt if n is 0.
func orUnlimited(n int) int {
	if n == 0 {
		return math.MaxInt
	}
	return n
}

// report is the last recovery's report; nil while there is none.
func (s *server) report() *recovery.Report {
	if data := s.data.Load(); data != nil {
		return &data.Report
	}
	return s.failed.Load()
}

// reportView returns the recovery report, or nil if there is none yet. It
// removes the lost ranges of topics that are not visible, which remain included
// in the total.
func (s *server) reportView(sees func(topic string) bool) any {
	full := s.report()
	if full == nil {
		return nil
	}
	shown := *full
	shown.LostRanges = slices.DeleteFunc(slices.Clone(full.LostRanges), func(l recovery.LostRange) bool { return !sees(l.Topic) })
	return &shown
}

// recovered is the recovery report as the metrics show it, or nil while there is
// none.
func (s *server) recovered() *metrics.Recovered {
	r := s.report()
	if r == nil {
		return nil
	}
	millis := func(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
	out := &metrics.Recovered{
		Took: millis(r.DurationMS), Failed: r.Error != "",
		Files: int64(r.Files), Frames: r.Frames, Records: r.Records,
		TruncatedBytes: r.BytesTruncated, TruncatedFrames: r.FramesTruncated, TruncatedRecords: r.RecordsTruncated,
		LostRanges: int64(r.LostRangesTotal), PowerLost: r.PowerLost,
	}
	for _, p := range r.Phases {
		out.Steps = append(out.Steps, metrics.RecoveryStep{Name: p.Name, Took: millis(p.DurationMS)})
	}
	return out
}

// walStats returns the log's counters, or zeros if there is no log yet.
func (s *server) walStats() wal.Stats {
	if data := s.data.Load(); data != nil {
		return data.Log.Stats()
	}
	return wal.Stats{}
}

// queueWait is how long a write waits while the log's queue is full before it
// is refused with 429. A disk that is merely busy drains a queue in less time.
const queueWait = time.Second

// recoveryOptions returns the options of recovery.
func (s *server) recoveryOptions() recovery.Options {
	c := s.config
	boot, err := recovery.BootID(recovery.BootIDFile)
	mount, merr := recovery.Mount(c.DataDir)
	if err = errors.Join(err, merr); err != nil {
		s.log.Warn().Err(err).Msg("the boot cannot be identified; every start counts as one after a power cut")
	}
	return recovery.Options{
		FS:              s.fs,
		Dir:             c.DataDir,
		RequireExisting: c.RequireExisting,
		Named:           s.named(),
		Lock:            s.lock,
		Gate:            s.gate,
		Log:             s.log,
		BootID:          boot,
		Mount:           mount,
		WAL: wal.Options{
			FileBytes:  c.WALFileBytes,
			QueueBytes: c.WALQueueBytes,
			CacheBytes: c.CacheBytes / 2,
			DiskSync:   c.DiskSync,
			QueueWait:  queueWait,
			Observe:    func(g wal.Group) { s.api.ObserveGroup(g) },
		},
		Topics: topics.Options{
			MaxTopics:      c.MaxTopics,
			MaxRouters:     c.MaxRouters,
			MaxRouterWays:  c.MaxRouterWays,
			EphemeralBytes: c.EphemeralBytes,

			IdempotencyBytes: c.IdempotencyBytes,
		},
		Storage: store.Settings{
			CheckpointBytes:    c.CheckpointBytes,
			CheckpointInterval: c.CheckpointInterval,
			MaxAge:             c.SegmentMaxAge,
			Segment:            segment.Limits{Bytes: c.SegmentMaxBytes, Records: int64(c.SegmentMaxEvents)},
			CacheBytes:         c.CacheBytes / 2,
			WorkBytes:          c.WorkBytes(),
			ColdDir:            c.ColdDir,
			HotSegments:        c.HotRetainSegments,
			HotBytes:           c.HotRetainBytes,
			ArchiveDir:         c.ArchiveDir,
			ArchiveMaxBytes:    c.ArchiveMaxBytes,
		},
	}
}

// named returns the files and directories in the configuration.
func (s *server) named() (names []string) {
	for _, v := range s.config.Settings() {
		if strings.HasSuffix(v.Name, "_FILE") || strings.HasSuffix(v.Name, "_DIR") {
			names = append(names, v.Value)
		}
	}
	return names
}

// registerChecks sets up the watchdog and the health checks, except that of the
// log, which is registered once there is a log. Changes of their results are
// logged.
func (s *server) registerChecks() {
	c, lines := s.config, s.thresholds()
	s.health = health.NewMonitor(time.Now, c.HealthInterval)
	s.health.Changed = s.logHealth
	s.watchdog = health.NewWatchdog(time.Now)
	s.watchdog.Waits = func() bool { return s.disks.Oldest(c.DataDir) > time.Second }
	s.watchdog.Stuck = s.logStuck
	if s.moves != nil {
		s.watchdog.Watch("part", s.moves)
	}
	s.disk = health.NewDiskWatch(func() (free, total uint64, err error) { return s.fs.Free(c.DataDir) }, lines)
	s.wal = health.NewLogWatch(s.logApplied, lines)
	s.health.Live("recovery", health.RecoveryCheck(s.gate))
	s.health.Live("watchdog", s.watchdog.Check)
	s.health.Register("disk_space", s.disk.Check)
	s.health.Register("data_dir", health.Worst(recovery.DataDirCheck(s.lock), health.DirectoryCheck(s.fs, c.DataDir)))
	if c.ColdDir != "" {
		look := health.StoreCheck(s.fs, c.ColdDir, lines)
		s.health.Register("cold_dir", s.onData(func(*recovery.Recovered) health.Condition { return look() }))
	}
	if c.ArchiveDir != "" {
		look := health.StoreCheck(s.fs, c.ArchiveDir, lines)
		s.health.Register("archive_dir", s.onData(func(*recovery.Recovered) health.Condition { return look() }))
	}
	s.health.Register("memory", health.MemoryCheck(health.MemoryUse, lines))
	s.health.Register("connections", health.ConnectionsCheck(s.connections, lines))
	s.health.Register("descriptors", health.DescriptorsCheck(s.openDescriptors, lines))
	s.health.Register("segments", store.SegmentsCheck(s.damageSeen))
	s.health.Register("routers", health.RoutersCheck(time.Now, s.routersStuck))
	s.health.Register("checkpoints", s.onData((*recovery.Recovered).CheckpointsCheck))
	s.health.Register("archive", s.onData((*recovery.Recovered).ArchiveCheck))
	s.health.Register("cold", s.onData((*recovery.Recovered).ColdCheck))
	s.health.Register("reserve", s.onData((*recovery.Recovered).ReserveCheck))
	for _, spec := range c.HealthChecks {
		s.health.Add(spec.Custom())
	}
}

// thresholds returns the thresholds of the health checks.
func (s *server) thresholds() health.Thresholds {
	c := s.config
	return health.Thresholds{
		SyncDegraded:       c.HealthSyncDegraded,
		SyncUnhealthy:      c.HealthSyncUnhealthy,
		DiskDegraded:       c.HealthDiskDegraded,
		DiskUnhealthy:      c.HealthDiskUnhealthy,
		DiskPercent:        c.HealthDiskPercent,
		MemoryPercent:      c.HealthMemoryPercent,
		DescriptorsPercent: c.HealthDescriptorsPercent,
		ConnectionsPercent: c.HealthConnectionsPercent,
	}
}

func (s *server) logHealth(name string, was health.Status, is health.Condition) {
	level := zerolog.WarnLevel
	if is.Status == health.Healthy {
		level = zerolog.InfoLevel
	}
	s.log.WithLevel(level).Str("check", name).Stringer("was", was).Stringer("is", is.Status).
		Str("reason", is.Reason).Msg("health changed")
}

func (s *server) logStuck(part string, silent time.Duration) {
	if silent == 0 {
		s.log.Info().Str("part", part).Msg("the process is responsive again")
		return
	}
	s.log.Error().Str("part", part).Dur("silent", silent).Msg("the process is stuck; a restart is needed")
}

// logState returns the log's state for the health checks, or zeros if there is
// no log yet.
func (s *server) logState() health.LogState {
	st := s.walStats()
	return health.LogState{
		ReadOnly:   st.ReadOnly,
		Err:        st.Err,
		Full:       st.Full,
		PrepareErr: st.PrepareErr,
		LastSync:   st.LastSync,
		Writing:    st.Writing,
		Syncing:    st.Syncing,
		Waiting:    st.Waiting,
		Blocked:    st.Blocked,
		QueueDepth: st.QueueDepth,
		QueueBytes: st.QueueBytes,
		Written:    st.Written,
		Synced:     st.Synced,
	}
}

// logApplied is logState with what of the log is in the indexes.
func (s *server) logApplied() health.LogState {
	st := s.logState()
	if data := s.data.Load(); data != nil {
		st.Applied = uint64(data.Registry.Applied())
	}
	return st
}

// position returns where the log was when its check last ran.
func (s *server) position() probes.LogPosition {
	log := s.wal.Last()
	p := probes.LogPosition{Synced: log.Synced, Applied: min(log.Synced, log.Applied)}
	if data := s.data.Load(); data != nil {
		p.Starts = data.Starts()
	}
	return p
}

// onData returns a check that calls check once there is data. Until then the
// result is healthy.
func (s *server) onData(check func(*recovery.Recovered) health.Condition) func() health.Condition {
	return func() health.Condition {
		if data := s.data.Load(); data != nil {
			return check(data)
		}
		return health.Condition{}
	}
}

// routersStuck returns how many routers have been waiting since before a time.
func (s *server) routersStuck(before int64) int {
	if data := s.data.Load(); data != nil {
		return data.Registry.Stuck(before)
	}
	return 0
}

// damageSeen returns the known damage to the data, or none if there is no data
// yet.
func (s *server) damageSeen() store.DamageSeen {
	if data := s.data.Load(); data != nil {
		return data.DamageSeen()
	}
	return store.DamageSeen{}
}

// connections returns how many connections are open and how many there may be.
func (s *server) connections() (current, most int64) {
	c := s.api.Connections()
	return int64(c.Open), int64(c.Bound)
}

// openDescriptors returns how many descriptors are open and how many there may
// be.
func (s *server) openDescriptors() (open, limit int64) {
	return s.descriptors.open.Load(), int64(s.descriptors.limit)
}

// vitals combines the sources of the health probes.
type vitals struct {
	*health.Monitor
	*health.Watchdog
}
