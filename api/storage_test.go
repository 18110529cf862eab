package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/rs/zerolog"
)

// fakeStorage does what a test gives it to do.
type fakeStorage struct {
	checkpoint func(context.Context) (any, error)
	verify     func(context.Context) (any, error)
	backup     func(context.Context, io.Writer) error
	stats      metrics.StorageStats
	asked      atomic.Int32 // times that Stats was called
	started    atomic.Int32 // times that StartVerify was
	startErr   error        // of StartVerify and StartErasure

	erase   func(context.Context) (any, error)
	erasing atomic.Int32 // times that StartErasure was called
}

func (f *fakeStorage) Checkpoint(ctx context.Context) (any, error) { return f.checkpoint(ctx) }
func (f *fakeStorage) Verify(ctx context.Context) (any, error)     { return f.verify(ctx) }

func (f *fakeStorage) StartVerify() error {
	f.started.Add(1)
	return f.startErr
}

func (f *fakeStorage) VerifyState() any {
	if f.started.Load() > 0 {
		return map[string]any{"state": "running", "progress": 0.5, "bytes_done": 4, "bytes_total": 8, "started_at": "2025-03-04T05:06:07Z"}
	}
	return map[string]any{"state": "idle", "progress": 0, "bytes_done": 0, "bytes_total": 0}
}

func (f *fakeStorage) Erase(ctx context.Context) (any, error) { return f.erase(ctx) }

func (f *fakeStorage) StartErasure() error {
	f.erasing.Add(1)
	return f.startErr
}

func (f *fakeStorage) ErasureState() any {
	if f.erasing.Load() > 0 {
		return map[string]any{"state": "running", "step": "segments", "segments_checked": 1, "segments_total": 3, "started_at": "2025-03-04T05:06:07Z"}
	}
	return map[string]any{"state": "idle", "segments_checked": 0, "segments_total": 0}
}

func (f *fakeStorage) Backup(ctx context.Context, w io.Writer) error { return f.backup(ctx, w) }

func (f *fakeStorage) Stats() metrics.StorageStats {
	f.asked.Add(1)
	return f.stats
}

// workingStorage reports what was asked of it.
func workingStorage() *fakeStorage {
	return &fakeStorage{
		checkpoint: func(context.Context) (any, error) { return map[string]any{"checkpoint": 7}, nil },
		verify:     func(context.Context) (any, error) { return map[string]any{"damages_total": 0}, nil },
		erase:      func(context.Context) (any, error) { return map[string]any{"records_erased": 5}, nil },
		backup: func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, "a tar")
			return err
		},
	}
}

// auditLog is where a server logs; audit lines are kept.
type auditLog struct{ lines chan []byte }

func (l auditLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`"message":"audit"`)) {
		l.lines <- bytes.Clone(line)
	}
	return len(line), nil
}

// next waits for so many lines and returns them as "route target outcome".
func (l auditLog) next(t *testing.T, n int) (lines []string) {
	t.Helper()
	for range n {
		text := <-l.lines
		var line struct{ Level, Time, Key, Route, Target, Outcome string }
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if line.Level != "info" || line.Time == "" || line.Key != "anonymous" {
			t.Errorf("audit line %s", text)
		}
		lines = append(lines, line.Route+" "+line.Target+" "+line.Outcome)
	}
	if len(l.lines) > 0 {
		t.Errorf("one more audit line: %s", <-l.lines)
	}
	return lines
}

// storage returns the series in the text of a field of the storage's JSON.
func (e *exposition) storage(field string) (value float64, ok bool) {
	if value, ok = e.values["topics_"+field]; !ok {
		value, ok = e.values["topics_"+field+"_total"]
	}
	return value, ok
}

// adminServer is a ready server over f, and its log.
func adminServer(f *fakeStorage, more func(*Options)) (*Server, auditLog) {
	log := auditLog{make(chan []byte, 64)}
	s, _ := openServer(func(o *Options) {
		o.Storage, o.Log = f, zerolog.New(log).With().Timestamp().Logger()
		if more != nil {
			more(o)
		}
	})
	return s, log
}

// Every field of the statistics is somewhere in both renderings, and in the
// place of no other.
func TestStorageMetrics(t *testing.T) {
	f := &fakeStorage{}
	fields := reflect.ValueOf(&f.stats).Elem()
	want := map[float64]string{}
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Name
		switch v := fields.Field(i); v.Kind() {
		case reflect.String:
			v.SetString("the last thing that went wrong")
			want[1] = name
			continue
		case reflect.Float64:
			v.SetFloat(float64(100 + i))
		case reflect.Uint64:
			v.SetUint(uint64(100 + i))
		default:
			n := int64(100 + i)
			if v.Type() == reflect.TypeFor[time.Duration]() {
				n *= int64(time.Second)
			}
			v.SetInt(n)
		}
		want[float64(100+i)] = name
	}
	want[99], want[98] = "LastBackup", "LastVerified"
	s, _ := adminServer(f, func(o *Options) {
		o.LastBackup = func() float64 { return 99 }
		o.LastVerified = func() float64 { return 98 }
	})
	e := parseExposition(t, get(s, "GET", "/metrics").Body.String())
	m := object(t, get(s, "GET", "/metrics", "Accept", "application/json"))["storage"].(map[string]any)
	for field, got := range m {
		if field == "last_error" {
			continue
		}
		text, ok := e.storage(field)
		if !ok {
			t.Errorf("%s is not in the text", field)
		} else if name, ok := want[text]; !ok {
			t.Errorf("%s is %v, which no field has, or which is shown twice", field, text)
		} else if got != text {
			t.Errorf("%s (%s) is %v in the text and %v in JSON", field, name, text, got)
		}
		delete(want, text)
	}
	if len(want) > 0 {
		t.Errorf("not shown: %v", want)
	}
	if m["last_error"] != "the last thing that went wrong" {
		t.Errorf("last_error %v", m["last_error"])
	}
}

// Without a storage, and before there is data, everything is there and zero.
func TestStorageMetricsBeforeThereIsAny(t *testing.T) {
	f := &fakeStorage{stats: metrics.StorageStats{Segments: 7}}
	w := newWorld()
	w.progress = replaying
	for _, s := range []*Server{opsServer(newWorld(), nil), opsServer(w, func(o *Options) { o.Storage = f })} {
		e := parseExposition(t, get(s, "GET", "/metrics").Body.String())
		m := object(t, get(s, "GET", "/metrics", "Accept", "application/json"))["storage"].(map[string]any)
		if len(m) < 30 {
			t.Errorf("JSON has only %v", m)
		}
		for field := range m {
			if v, ok := e.storage(field); field != "last_error" && (!ok || v != 0) {
				t.Errorf("%s is %v, there %v", field, v, ok)
			}
		}
	}
	if n := f.asked.Load(); n > 0 {
		t.Errorf("asked %d times before there was data", n)
	}
}

// The linter of the field is content with the names and the text.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool")
	}
	s, e := busyServer(t)
	e.totals.DeletedRecords, e.totals.DamagedPages = 5, 6
	w := get(s, "GET", "/metrics")
	if got := parseExposition(t, w.Body.String()).values; got["topics_records_deleted_total"] != 5 || got["topics_damaged_pages_total"] != 6 {
		t.Errorf("deleted %v, damaged %v", got["topics_records_deleted_total"], got["topics_damaged_pages_total"])
	}
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = w.Body
	out, err := check.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "topics_uptime_ms ") && !strings.HasPrefix(line, "topics_wal_fsync_latency_us ") {
			t.Errorf("promtool: %s", line)
		}
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
}
