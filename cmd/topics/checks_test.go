package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/config"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// A check of the configuration turns the probes that it affects, and data is
// served all the same.
func TestOperatorsChecks(t *testing.T) {
	warm(t)
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "go")
		h := startHanging(t, "TOPICS_HEALTH_CHECKS=license=file:"+file+";interval=5s,affects=readiness other=file:/;interval=1s")
		time.Sleep(time.Second)
		missing := map[string]string{"license": "unhealthy: no such file or directory"}
		if bad := h.checks(); len(bad) != 1 || bad["license"] != missing["license"] {
			t.Errorf("at first: %v", bad)
		}
		if w := h.ask("GET", "/v0/ready", ""); w.Code != 503 || !strings.Contains(w.Body.String(), `"code":"not_ready","message":"not ready: license: no such file or directory"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		h.wants("GET", "/live", "", 200)
		h.wants("POST", "/v0/topics/t", `{"records":[{"data":1}]}`, 201)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if bad := h.checks(); len(bad) != 0 {
			t.Errorf("afterwards: %v", bad)
		}
		if w := h.ask("GET", "/v0/ready", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"license":"ok"`) || !strings.Contains(w.Body.String(), `"other":"ok"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if !strings.Contains(h.logs.String(), `"check":"license","was":"healthy","is":"unhealthy"`) {
			t.Errorf("no line in the log: %s", h.logs.String())
		}
	})
}

// No other check may have the name of one of the server's own.
func TestNamesOfOwnChecksAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startHanging(t)
		time.Sleep(2 * time.Second)
		findings := h.health.Snapshot().Findings
		if len(findings) < 16 {
			t.Errorf("only %d checks", len(findings))
		}
		for _, f := range findings {
			if health.ValidName(f.Name) == nil {
				t.Errorf("%s is free for others", f.Name)
			}
		}
	})
}

// A check that is wrong stops the start with its name and what to write.
func TestBadChecksRefuseToStart(t *testing.T) {
	_, err := config.Load([]string{"TOPICS_HEALTH_CHECKS=log=http://h db=db:5432"}, config.ThisMachine())
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `TOPICS_HEALTH_CHECKS: check 1, "log": "log" is a check of the server's own`) ||
		!strings.HasPrefix(lines[1], `TOPICS_HEALTH_CHECKS: check 2, "db": the target is none of http, https, tcp and file; write name=http://host/path`) {
		t.Errorf("%q", lines)
	}
}

// With nothing under way all that is synced is applied; a write that waits for
// its sync is neither.
func TestCommitIndexAndLastApplied(t *testing.T) {
	warm(t)
	synctest.Test(t, func(t *testing.T) {
		h := startHanging(t)
		shard := func() (synced, applied uint64) {
			var body struct {
				Shards []struct {
					Synced  uint64 `json:"commit_index"`
					Applied uint64 `json:"last_applied"`
				}
			}
			if err := json.Unmarshal(h.ask("GET", "/health", "").Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			return body.Shards[0].Synced, body.Shards[0].Applied
		}
		h.wants("PUT", "/v0/topics/t", `{"durability":"fsync"}`, 201)
		time.Sleep(3 * time.Second)
		before, applied := shard()
		if before == 0 || applied != before {
			t.Errorf("idle: %d synced, %d applied", before, applied)
		}
		hang := h.disk.Hang(errfs.Sync, h.config.DataDir)
		defer hang.Release()
		done := make(chan int)
		go func() { done <- h.ask("POST", "/v0/topics/t", `{"records":[{"data":1}]}`).Code }()
		time.Sleep(3 * time.Second)
		if synced, applied := shard(); synced != before || applied != before {
			t.Errorf("while a sync hangs: %d synced, %d applied; before it %d", synced, applied, before)
		}
		hang.Release()
		<-done
		time.Sleep(3 * time.Second)
		if synced, applied := shard(); synced <= before || applied != synced {
			t.Errorf("afterwards: %d synced, %d applied", synced, applied)
		}
	})
}

// The last recovery is in the metrics, also when it refused.
func TestRecoveryIsInTheMetrics(t *testing.T) {
	h := startHanging(t)
	metrics := h.ask("GET", "/metrics", "").Body.String()
	for _, series := range []string{"topics_recovery_duration_seconds ", `topics_recovery_step_duration_seconds{step="replay"} `, "topics_recovery_failed 0\n", "topics_recovery_power_lost 0\n"} {
		if !strings.Contains(metrics, "\n"+series) {
			t.Errorf("no %q", series)
		}
	}
	refused := &server{}
	if refused.recovered() != nil {
		t.Error("a recovery before there is one")
	}
	report := recovery.NewReport(time.Now())
	report.Finish(time.Now(), errors.New("damaged"))
	refused.failed.Store(report)
	if r := refused.recovered(); r == nil || !r.Failed {
		t.Errorf("%+v", r)
	}
}

// An address that is taken ends the start with the system's words.
func TestAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	h := startHanging(t)
	h.config.Port = taken.Addr().(*net.TCPAddr).Port
	if err := h.listen(); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("%v", err)
	}
}
