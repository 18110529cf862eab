package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// tameSignals prevents signals from ending the server: it ignores SIGPIPE,
// which is sent when the reader of its log has gone away, and passes SIGHUP,
// which requests a reload, to the channel.
func tameSignals() (hangups chan os.Signal) {
	signal.Ignore(syscall.SIGPIPE)
	hangups = make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// reloadOn reloads on each SIGHUP, and the keys when their file has changed,
// until ctx is done.
func (s *server) reloadOn(ctx context.Context, hangups <-chan os.Signal) {
	var looks <-chan time.Time
	if s.config.APIKeysFile != "" && s.config.KeysInterval > 0 {
		t := time.NewTicker(s.config.KeysInterval)
		defer t.Stop()
		looks = t.C
	}
	for {
		select {
		case <-hangups:
			s.reload()
		case <-looks:
			if s.keysFile.changed() {
				s.reloadKeys()
			}
		case <-ctx.Done():
			return
		}
	}
}

// reload reads the keys, the log level and the certificate again, and reopens
// the audit file, which may have been renamed. What cannot be read stays as it
// is. Each outcome is logged.
func (s *server) reload() {
	s.reloadKeys()
	s.reloaded("log level", func(line *zerolog.Event) error {
		word, err := s.config.ReadLogLevel()
		if err != nil {
			return err
		}
		setLogLevel(word)
		line.Str("to", word)
		return nil
	})
	if s.trail != nil {
		s.reloaded("audit file", func(line *zerolog.Event) error {
			line.Str("file", s.config.AuditFile)
			return s.trail.open()
		})
	}
	if s.certificate != nil {
		s.reloaded("certificate", func(line *zerolog.Event) error {
			err := s.certificate.load()
			line.Str("file", s.config.TLSCertFile)
			return err
		})
	}
}

// reloadKeys reads the keys again.
func (s *server) reloadKeys() {
	s.reloaded("API keys", func(line *zerolog.Event) error {
		if s.config.APIKeysFile == "" {
			line.Str("kept", "TOPICS_API_KEYS_FILE is not set")
			return nil
		}
		keys, err := s.config.ReadKeys()
		if err != nil {
			return explainAccess(err)
		}
		s.api.ReplaceKeys(keys)
		line.Int("keys", keys.Len())
		return nil
	})
}

// reloaded runs one step of a reload and logs the outcome, whatever the log
// level is, because the operator who sent the signal expects it.
func (s *server) reloaded(what string, step func(*zerolog.Event) error) {
	line := s.log.WithLevel(zerolog.NoLevel).Str(zerolog.LevelFieldName, "info").Str("of", what)
	if err := step(line); err != nil {
		line.Err(err).Msg("reload failed; the previous one stays in use")
		return
	}
	line.Msg("reloaded")
}
