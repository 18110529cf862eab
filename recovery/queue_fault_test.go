package recovery_test

import (
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// failQueue works a queue on a disk that fails as inj says, through two lives that end
// with a kill or with the power, and then on a sound one.
func failQueue(t *testing.T, script uint64, inj *errfs.Injector) *queueSim {
	rng := rand.New(rand.NewPCG(script, 43))
	s := newQueueSim(t, rng)
	s.inj = inj
	defer func() {
		if t.Failed() {
			t.Logf("script %d, operation %d: %v", script, inj.Nth, inj.Failed())
		}
	}()
	for range 2 {
		s.told = false
		s.life()
		if rng.IntN(2) == 0 {
			s.fs = s.fs.Crash(rng)
			s.boot++
		} else {
			s.fs = s.fs.Kill()
		}
		s.now += int64(rng.IntN(500))
	}
	s.inj = nil
	s.up()
	s.check()
	s.checkRouted()
	return s
}

// life takes some steps, until a call has an error.
func (s *queueSim) life() {
	if !s.up() {
		return
	}
	s.check()
	for range 60 {
		if s.told {
			return
		}
		s.step()
	}
}

// TestQueueFaults fails every operation that changes the disk in turn, once and for
// good, whole and by half, while a queue is worked: a job is in one place, one that was
// acked never comes back, and no call that was answered is forgotten.
func TestQueueFaults(t *testing.T) {
	variants := []struct {
		name   string
		ops    errfs.Op
		sticky bool
		short  bool
	}{
		{name: "once", ops: errfs.Mutating},
		{name: "for good", ops: errfs.Mutating, sticky: true},
		{name: "short writes", ops: errfs.Write, short: true},
		{name: "syncs", ops: errfs.Sync | errfs.SyncDir},
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			for script := range uint64(*faultScripts) {
				fired := 0
				for n := 1; ; n += *faultStep {
					inj := &errfs.Injector{Nth: n, Ops: v.ops, Sticky: v.sticky, Short: v.short}
					failQueue(t, script, inj)
					if !inj.Fired() {
						break
					}
					fired++
				}
				if fired < 20 / *faultStep {
					t.Fatalf("script %d: only %d failures", script, fired)
				}
				t.Logf("script %d: %d failures", script, fired)
			}
		})
	}
}
