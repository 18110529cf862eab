package main

import (
	"errors"
	"os"
	"sync"

	"github.com/rs/zerolog"
)

// auditFile is the file of the audit lines. It may be moved away while the
// server runs: open makes it anew.
type auditFile struct {
	name string

	mu   sync.Mutex // guards what follows
	file *os.File
}

// open opens the file, or opens it again. After an error the former stays in
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

// logger writes audit lines to the file.
func (a *auditFile) logger() *zerolog.Logger {
	l := zerolog.New(a).With().Timestamp().Logger()
	return &l
}
