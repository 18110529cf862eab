package main

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// The last good backup is known from before recovery, however long that takes: an alert
// must not take it for none.
func TestTheLastBackupIsKnownDuringRecovery(t *testing.T) {
	dir := t.TempDir()
	at := time.Now().Truncate(time.Second)
	first := configureHanging(t, dir)
	stop := first.claimed()
	if err := first.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := first.backups.Load().Add(backup.Attempt{StartedAt: at, FinishedAt: at, Bytes: 7, Outcome: backup.Good})
	if err = errors.Join(err, first.data.Load().Close(context.Background())); err != nil {
		t.Fatal(err)
	}
	stop()

	h := configureHanging(t, dir)
	stop = h.claimed()
	defer stop()
	held := h.disk.Hang(errfs.Read, filepath.Join(dir, "data", "wal"))
	defer held.Release()
	recovered := make(chan error)
	go func() { recovered <- h.recover(t.Context()) }()
	<-held.Reached()
	h.showsBackup(health.PhaseStarting, at)
	held.Release()
	if err := <-recovered; err != nil {
		t.Fatal(err)
	}
	h.open()
	h.showsBackup(health.PhaseReady, at)
	if err := h.data.Load().Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// claimed claims the directories and starts the checks.
func (h *hanging) claimed() (stop func()) {
	h.t.Helper()
	if err := h.claim(); err != nil {
		h.t.Fatal(err)
	}
	return h.watch()
}

// showsBackup checks that a backup of that time is the last good one.
func (h *hanging) showsBackup(phase health.Phase, at time.Time) {
	h.t.Helper()
	if got := h.gate.Phase(); got != phase {
		h.t.Errorf("it is %s, not %s", got, phase)
	}
	want := "topics_backup_last_success_timestamp_seconds " + strconv.FormatFloat(float64(at.Unix()), 'g', -1, 64)
	if got := h.ask("GET", "/metrics", "").Body.String(); !strings.Contains(got, want+"\n") {
		h.t.Errorf("%s: no %s", phase, want)
	}
	if w := h.ask("GET", "/v0/admin/backups", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"bytes":7`) {
		h.t.Errorf("%s: %d %s", phase, w.Code, w.Body)
	}
}
