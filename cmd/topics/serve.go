package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api"
	"github.com/e6e95bb8/topics/api/http1"
	"github.com/e6e95bb8/topics/cmd/topics/config"
	"github.com/e6e95bb8/topics/cmd/topics/systemd"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/slotfs"
)

// settings are the TOPICS_* variables as flags.
type settings struct {
	kong.Plugins
	flags *config.Flags
}

// newSettings returns settings that are not given.
func newSettings() settings {
	flags := config.NewFlags()
	return settings{Plugins: kong.Plugins{flags.Fields()}, flags: flags}
}

// variable returns the value of a variable in an environment, or "".
func variable(environ []string, name string) string {
	for _, v := range environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// environ returns the environment with the flags in place of their variables.
func (s *settings) environ() []string { return s.flags.Environ(os.Environ()) }

// serveCmd runs the server.
type serveCmd struct{ settings }

// Help is printed below the flags.
func (serveCmd) Help() string {
	return `Each flag is the variable TOPICS_*: --data-dir is TOPICS_DATA_DIR. A flag precedes its variable. topics config prints the
effective values. The server runs until SIGINT or SIGTERM, and then drains.

Examples:
  topics serve --port 4002 --data-dir other-data
  TOPICS_PORT=4003 topics serve --data-dir third-data`
}

// server is one run of the server, from boot to exit.
type server struct {
	environ []string // of the configuration
	config  *config.Config
	log     zerolog.Logger
	fs      vfs.FS
	disks   *slotfs.FS // fs with limits on concurrent reads, once configured
	gate    *health.Gate
	health  *health.Monitor
	// watchdog decides the answer of /live.
	watchdog *health.Watchdog
	moves    health.Proof // a further part for the watchdog; may be nil
	lock     vfs.Held     // on the data directory; nil if it could not be taken
	disk     *health.DiskWatch
	wal      *health.LogWatch
	api      *api.Server
	// descriptors are shared by log, segments and connections.
	descriptors *descriptors
	http        *http1.Server
	ops         *http1.Server // listener for operators; may be nil
	// certificate of the listeners; nil for cleartext.
	certificate *certificate
	trail       *auditFile       // nil if audit lines go to the log
	supervisor  *systemd.Service // nil if the process has none
	keysFile    *watchedFile     // of the keys; used by reloadOn
	broken      chan error       // receives the error of an HTTP server that ended before the shutdown
	// data is nil until recovery is complete. Probes read it at any time.
	data    atomic.Pointer[recovery.Recovered]
	backups atomic.Pointer[backup.History]  // nil until there is data
	failed  atomic.Pointer[recovery.Report] // why recovery failed
}

// Run boots the server, serves until ctx ends with the first signal, and
// drains; a second signal ends the process. Operators rely on the order of the
// steps: the listener answers probes before the data is touched, and data is
// served only once all of it is recovered.
func (c *serveCmd) Run(ctx context.Context) error {
	return (&server{environ: c.environ(), fs: vfs.OS()}).run(ctx)
}

func (s *server) run(ctx context.Context) error {
	s.broken = make(chan error, 2)
	hangups := tameSignals()
	// 1. The configuration, or all reasons why it is refused.
	if err := s.configure(); err != nil {
		return err
	}
	// 2. The data directory, unless another process is using it.
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
	// 4. The listener: probes are answered from here on.
	if err := s.listen(); err != nil {
		return err
	}
	// 5. The data: log, topics.
	if err := s.recover(ctx); err != nil {
		return err
	}
	// 6. The gate.
	s.open()
	// 7. Serving, until ctx ends.
	if err := s.wait(ctx); err != nil {
		return err
	}
	// 8. The shutdown.
	return s.drain()
}

// configure is step 1.
func (s *server) configure() (err error) {
	s.keysFile = newWatchedFile(variable(s.environ, "TOPICS_API_KEYS_FILE")) // before it is read: no change is missed
	if s.config, err = config.Load(s.environ, config.ThisMachine()); err != nil {
		return err
	}
	s.log = newLogger(s.config)
	for _, w := range s.config.Warnings {
		s.log.Warn().Msg(w)
	}
	if n := s.config.Keys.Len(); n > 0 {
		s.log.Info().Int("keys", n).Msg("API keys are required")
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

// prepare determines the machine's limits: descriptors and disks.
func (s *server) prepare() {
	c := s.config
	s.descriptors = claimDescriptors(s.log)
	s.disks = slotfs.New(s.fs, c.MaxDiskReads, c.DataDir, c.ColdDir, c.ArchiveDir)
	s.fs = s.disks
}

// claim is step 2. If the directory is not a data directory, or if it cannot be
// locked for another reason than being in use, recovery reports that, when
// probes can show it. A directory that is not a data directory gets no lock
// file.
func (s *server) claim() error {
	kind, err := recovery.Examine(s.fs, s.config.DataDir, s.named()...)
	if err != nil || kind.Require(s.kinds()...) != nil {
		return nil
	}
	s.lock, err = recovery.Lock(s.fs, s.config.DataDir)
	if inUse := new(recovery.InUseError); errors.As(err, &inUse) {
		return err
	}
	return nil
}

// kinds returns the kinds of directories that the server may start in.
func (s *server) kinds() []recovery.Kind {
	if s.config.RequireExisting {
		return []recovery.Kind{recovery.Data}
	}
	return []recovery.Kind{recovery.Data, recovery.Empty}
}

// watch is step 3. The returned function ends the background checks, and writes the last
// audit lines.
func (s *server) watch() (stop func()) {
	// The checks need a file system to watch. If the directory cannot be created,
	// recovery reports it.
	if !s.config.RequireExisting {
		_ = s.fs.MkdirAll(s.config.DataDir)
	}
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
	wg.Go(func() { s.api.KeepHistory(ctx) })
	stopAudit := s.keepAudit()
	stopReports := s.reportToSupervisor()
	return func() {
		stopAudit()
		stopReports()
		cancel()
		wg.Wait()
	}
}

// recover is step 5. If the data is refused, it returns an error only if the
// configuration says so; otherwise the process stays up, so that probes can
// report the reason. It is not an error if ctx ends meanwhile.
func (s *server) recover(ctx context.Context) error {
	s.log.Info().Str("dir", s.config.DataDir).Msg("recovering")
	if s.lock != nil { // the directory is the server's: the age of its last backup is known from here on
		s.openAccount()
	}
	data, err := recovery.Run(ctx, s.recoveryOptions())
	err = explainAccess(err)
	switch {
	case err == nil:
		s.data.Store(data)
		if s.backups.Load() == nil {
			s.openAccount()
		}
		s.watchBackups()
		return nil
	case ctx.Err() != nil:
		return nil
	case s.config.ExitOnRecoveryErr:
		return refused(err)
	}
	if failure := new(recovery.Failure); errors.As(err, &failure) {
		s.failed.Store(&failure.Report)
	}
	s.gate.Fail(err)
	s.supervisor.Wake()
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
	s.api.Open(api.PartsOf(data.Registry))
	s.gate.Ready()
	s.supervisor.Wake()
	go debug.FreeOSMemory() // memory that only recovery needed
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
