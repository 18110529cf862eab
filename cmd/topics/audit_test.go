package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api"
	"github.com/e6e95bb8/topics/recovery/health"
)

// hangingDisk takes lines until it hangs.
type hangingDisk struct {
	strings.Builder
	hangs chan struct{} // nil until then
}

// Write implements io.Writer.
func (d *hangingDisk) Write(line []byte) (int, error) {
	if d.hangs != nil {
		<-d.hangs
	}
	return d.Builder.Write(line)
}

// The end of the process writes the last audit lines, and waits a little for a disk that
// does not respond.
func TestTheLastAuditLines(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			var disk hangingDisk
			audit := zerolog.New(&disk)
			s := &server{log: zerolog.New(&log)}
			monitor := health.NewMonitor(time.Now, time.Minute)
			s.api = api.New(api.Options{
				Gate: health.NewGate(time.Now), Health: vitals{monitor, health.NewWatchdog(time.Now)}, Log: s.log, Audit: &audit,
			})
			stop := s.keepAudit()
			for range 3 {
				s.api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost/v0/admin/sessions", nil))
			}
			if hangs {
				disk.hangs = make(chan struct{})
				defer close(disk.hangs)
			}
			began := time.Now()
			stop()
			if took := time.Since(began); hangs && took != lastLines || !hangs && took != 0 {
				t.Errorf("it took %v", took)
			}
			if hangs != strings.Contains(log.String(), "the last audit lines were not written") {
				t.Errorf("the log says %q", log.String())
			}
			if n := strings.Count(disk.String(), "/v0/admin/sessions"); hangs && n != 1 || !hangs && n != 2 {
				t.Errorf("%d lines: %s", n, disk.String())
			}
		})
	}
}
