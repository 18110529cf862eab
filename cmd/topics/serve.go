package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api"
	"github.com/e6e95bb8/topics/cmd/topics/config"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/slotfs"
)

// serveCmd runs the server.
type serveCmd struct{}

// server is one run of the server, from boot to exit.
type server struct {
	config *config.Config
	log    zerolog.Logger
	fs     vfs.FS
	disks  *slotfs.FS // fs, once there is a configuration
	gate   *health.Gate
	health *health.Monitor
	// watchdog is what /live asks.
	watchdog *health.Watchdog
	lock     vfs.Held // the data directory's; nil if it could not be taken
	disk     *health.DiskWatch
	wal      *health.LogWatch
	api      *api.Server
	// descriptors are what log, segments and connections share.
	descriptors *descriptors
	http        *http.Server
	ops         *http.Server // the operator's listener; nil: there is none
	// certificate is what the listeners serve TLS with; nil in cleartext.
	certificate *certificate
	trail       *auditFile // nil if audit lines go to the log
	broken      chan error // gets what ended one of the HTTP servers before its shutdown
	// data is nil until recovery is through. Probes look at it any time.
	data   atomic.Pointer[recovery.Recovered]
	failed atomic.Pointer[recovery.Report] // why there is no data, if recovery refused
}

// Run boots, serves until ctx ends with the first signal, and drains; a second
// signal ends the process. The steps are in the order operators rely on: the
// listener answers probes before the data is touched, and data is served only
// once all of it is there.
func (serveCmd) Run(ctx context.Context) error { return serveOn(ctx, vfs.OS()) }

func serveOn(ctx context.Context, disk vfs.FS) error {
	s := &server{fs: disk, broken: make(chan error, 2)}

	hangups := tameSignals()
	// 1. The configuration, or every reason why not.
	if err := s.configure(); err != nil {
		return err
	}
	// 2. The data directory, unless another process has it.
	if err := s.claim(); err != nil {
		return err
	}
	for _, w := range s.config.Exposed() {
		s.log.Warn().Msg(w)
	}
	// 3. Health and its watchdog.
	stopHealth := s.watch()
	defer stopHealth()
	go s.reloadOn(ctx, hangups)
	// 4. The listener: probes answer from here on.
	if err := s.listen(); err != nil {
		return err
	}
	// 5. The data: log, topics.
	if err := s.recover(ctx); err != nil {
		return err
	}
	// 6. The gate.
	s.open()
	// 7. Work, until told to stop.
	if err := s.wait(ctx); err != nil {
		return err
	}
	// 8. The way down.
	return s.drain()
}

// configure is step 1.
func (s *server) configure() (err error) {
	if s.config, err = config.Load(os.Environ(), config.ThisMachine()); err != nil {
		return err
	}
	s.log = newLogger(s.config)
	for _, w := range s.config.Warnings {
		s.log.Warn().Msg(w)
	}
	if n := s.config.Keys.Len(); n > 0 {
		s.log.Info().Int("keys", n).Msg("API keys are needed")
	}
	if s.config.TLSCertFile != "" {
		if s.certificate, err = newCertificate(s.config.TLSCertFile, s.config.TLSKeyFile); err != nil {
			return config.Problems{err.Error()}
		}
	}
	if s.config.AuditFile != "" {
		s.trail = &auditFile{name: s.config.AuditFile}
		if err = s.trail.open(); err != nil {
			return config.Problems{"TOPICS_AUDIT_FILE: " + err.Error()}
		}
	}
	limitMemory(s.config.MemoryBytes, s.log)
	s.prepare()
	return nil
}

// prepare takes stock of what the machine gives: descriptors and disks.
func (s *server) prepare() {
	c := s.config
	s.descriptors = claimDescriptors(s.log)
	s.disks = slotfs.New(s.fs, c.MaxDiskReads, c.DataDir, c.ColdDir, c.ArchiveDir)
	s.fs = s.disks
}

// claim is step 2. A directory that is no data directory, or that cannot be
// locked for another reason than being in use, is recovery's to report, when
// the probes can show it. The former gets no lock file.
func (s *server) claim() error {
	kind, err := recovery.Examine(s.fs, s.config.DataDir, s.named()...)
	if err != nil || kind.Require(recovery.Data, recovery.Empty) != nil {
		return nil
	}
	s.lock, err = recovery.Lock(s.fs, s.config.DataDir)
	if inUse := new(recovery.InUseError); errors.As(err, &inUse) {
		return err
	}
	return nil
}

// watch is step 3. The returned function ends the background checks.
func (s *server) watch() (stop func()) {
	// So that there is a file system to watch. If the directory cannot be
	// made, recovery says so.
	_ = s.fs.MkdirAll(s.config.DataDir)
	s.gate = health.NewGate(time.Now)
	s.registerChecks()
	s.api = api.New(s.apiOptions())
	s.boundConnections()
	s.warnOfFew()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.health.Run(ctx) })
	wg.Go(func() { s.watchdog.Run(ctx) })
	wg.Go(func() { tendMemory(ctx) })
	wg.Go(func() { s.tendConnections(ctx) })
	return func() { cancel(); wg.Wait() }
}

// recover is step 5. Data that is refused is an error only if the
// configuration says so: otherwise the process stays up, so that probes can
// tell why. Being told to stop meanwhile is no error either.
func (s *server) recover(ctx context.Context) error {
	s.log.Info().Str("dir", s.config.DataDir).Msg("recovering")
	data, err := recovery.Run(ctx, s.recoveryOptions())
	switch {
	case err == nil:
		s.data.Store(data)
		return nil
	case ctx.Err() != nil:
		return nil
	case s.config.ExitOnRecoveryErr:
		return err
	}
	if failure := new(recovery.Failure); errors.As(err, &failure) {
		s.failed.Store(&failure.Report)
	}
	s.gate.Fail(err)
	s.log.Error().Err(err).Msg("recovery failed; serving probes only")
	return nil
}

// open is step 6.
func (s *server) open() {
	data := s.data.Load()
	if data == nil {
		return
	}
	s.health.Register("log", s.wal.Check)
	s.health.Refresh("log")
	s.watchdog.Watch("registry", func() bool { data.Registry.List("\xff", "", 0); return true })
	s.watchdog.Watch("log", health.LogMoves(s.logState))
	s.api.Open(data.Registry)
	s.gate.Ready()
	go debug.FreeOSMemory() // what recovery needed and nobody does now
	r := &data.Report
	s.log.Info().
		Int("topics", data.Registry.Totals().Topics).
		Int64("records", r.Records).
		Int64("bytes", r.Bytes).
		Float64("recovery_ms", r.DurationMS).
		Int64("bytes_truncated", r.BytesTruncated).
		Int("lost_ranges", r.LostRangesTotal).
		Bool("power_lost", r.PowerLost).
		Msg("ready")
}

// wait is step 7.
func (s *server) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.broken:
		return fmt.Errorf("serving: %w", err)
	}
}
