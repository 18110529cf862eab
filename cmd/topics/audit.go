package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// auditFile is the file for audit lines. It may be renamed while the server
// runs; open then creates it again.
type auditFile struct {
	name string

	mu   sync.Mutex // guards the fields below
	file *os.File
}

// open opens the file, or reopens it. After an error the previous file stays in
// use.
func (a *auditFile) open() error {
	f, err := os.OpenFile(a.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.file
	a.file = f
	if old != nil {
		return old.Close()
	}
	return nil
}

// Write implements io.Writer.
func (a *auditFile) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return 0, errors.New("the audit file is closed")
	}
	return a.file.Write(line)
}

// logger returns a logger that writes audit lines to the file.
func (a *auditFile) logger() *zerolog.Logger {
	l := zerolog.New(a).With().Timestamp().Logger()
	return &l
}

// lastLines is how long the end of the process waits until the last audit lines are
// written.
const lastLines = time.Second

// keepAudit writes the audit lines that wait for the end of a minute. stop, which is to be
// called when nothing is answered any more, writes all of them.
func (s *server) keepAudit() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.api.KeepAudit(ctx)
	}()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(lastLines): // the disk of the file does not respond
			s.log.Warn().Msg("the last audit lines were not written in time")
		}
	}
}
