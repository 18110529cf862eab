package recovery_test

import (
	"errors"
	"flag"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

var (
	faultScripts = flag.Int("faultscripts", 1, "how many scripts the fault runs go through")
	faultStep    = flag.Int("faultstep", 3, "fail every so many operations of the fault runs")
)

// fail runs a fixed script on a disk that fails as inj says, then cuts the
// power or kills, and recovers on a sound one. It returns how it went.
func fail(t *testing.T, script uint64, inj *errfs.Injector) *sim {
	s := newSim(t, script)
	s.inj = inj
	defer func() {
		if t.Failed() {
			t.Logf("script %d, operation %d: %v", script, inj.Nth, inj.Failed())
		}
	}()
	told := false
	for range 3 {
		data, err := s.recover()
		if err != nil {
			s.excused(err)
			told = true
			s.down()
			continue
		}
		s.data = data
		if !s.readable() {
			s.told = true // the reader
			return s
		}
		if inj.Ops&errfs.Read == 0 {
			s.model.check(t, data.Registry, true)
		}
		for range 25 {
			s.failingStep()
		}
		s.waitAll()
		if !s.readable() {
			s.told = true
			return s
		}
		if inj.Ops&errfs.Read == 0 { // reads go on, whatever else failed
			s.model.check(t, data.Registry, false)
		}
		told = told || s.told
		if s.rng.IntN(2) == 0 {
			s.stop()
		} else {
			s.down()
		}
		told = told || s.told || noticed(data)
	}
	s.inj = nil
	s.up()
	s.model.check(t, s.data.Registry, true)
	s.checkRouters(true)
	s.told = told
	return s
}

// noticed reports whether the background shows a failure: no caller waits for what
// it retries by itself.
func noticed(data *recovery.Recovered) bool {
	s := data.StorageStats()
	return s.CheckpointFailures > 0 || s.ArchiveFailures > 0 || data.Registry.Totals().DamagedPages > 0 ||
		data.Log.Stats().ReadOnly
}

// failingStep is a step without reads, which the model would take for damage
// if they failed, and without those that look like a failure.
func (s *sim) failingStep() {
	s.ops++
	switch n := s.rng.IntN(100); {
	case n < 52:
		s.write()
	case n < 60:
		s.router()
	case n < 70:
		s.waitAll()
	case n < 80:
		s.pass()
		if _, err := s.data.Log.Tick(); err != nil {
			s.excused(err)
		}
	case n < 90:
		s.configure()
	case n < 94:
		s.drop()
	case n < 97:
		s.checkpoint()
	default:
		s.retry()
	}
}

// readable reads everything there is, and returns false if the disk failed that.
// A failure that only cut a read short counts as reported: the read answers with
// what it has, and the next one comes to the same place.
func (s *sim) readable() bool {
	before := s.inj.Fired()
	defer func() { s.told = s.told || s.inj.Fired() && !before }()
	page, _ := s.data.Registry.List("", "", 100)
	for _, state := range page {
		q := topic.Query{Limit: 1000, MaxBytes: 1 << 20}
		for {
			b, err := s.data.Registry.Read(s.t.Context(), state.Name, &q)
			if err != nil {
				if !errors.Is(err, errfs.ErrInjected) {
					s.t.Fatal(err)
				}
				return false
			}
			if b.NextFrom == q.From {
				break
			}
			q.From = b.NextFrom
		}
	}
	return true
}

// silent are the failures that no caller waits for: what they were for is only
// lost, or done again later.
func silent(f errfs.Failure) bool {
	base := f.Name[strings.LastIndex(f.Name, "/")+1:]
	return strings.HasPrefix(base, "MANIFEST") || strings.HasPrefix(base, "RESERVE") || f.Op == errfs.Remove ||
		f.Op == errfs.SyncDir && f.Name == "/data"
}

// TestFaults fails every operation of a run in turn, once and for good, whole
// and by half. The caller gets the error, no caller gets a false answer, and
// what was acknowledged under its class is there after the next start.
func TestFaults(t *testing.T) {
	variants := []struct {
		name   string
		ops    errfs.Op
		sticky bool
		short  bool
	}{
		{name: "once", ops: errfs.All &^ errfs.Read},
		{name: "for good", ops: errfs.Mutating, sticky: true},
		{name: "short writes", ops: errfs.Write, short: true},
		{name: "syncs", ops: errfs.Sync | errfs.SyncDir},
		{name: "reads", ops: errfs.Read | errfs.Open | errfs.List},
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			for script := range uint64(*faultScripts) {
				fired := 0
				for n := 1; ; n += *faultStep {
					inj := &errfs.Injector{Nth: n, Ops: v.ops, Sticky: v.sticky, Short: v.short}
					s := fail(t, script, inj)
					if !inj.Fired() {
						break
					}
					if fired++; !s.told && !silent(inj.Failed()) {
						t.Fatalf("script %d, operation %d: %v failed, and nobody was told", script, n, inj.Failed())
					}
				}
				if fired < 20 / *faultStep {
					t.Fatalf("script %d: only %d failures", script, fired)
				}
			}
		})
	}
}
