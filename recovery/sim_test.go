package recovery_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

var (
	seeds   = flag.Int("seeds", 300, "how many seeds the crash simulator runs")
	oneSeed = flag.Uint64("seed", 0, "run this seed only")
)

// sim drives a whole server's storage, from recovery to reads, in one
// goroutine over a file system that loses what was not synced. Everything it
// does follows from its seed.
type sim struct {
	t    *testing.T
	rng  *rand.Rand
	fs   *crashfs.FS
	now  int64
	boot int
	// cut is set while the file system may stop at any operation: every error
	// is taken as the crash, and the run goes on with the next boot.
	cut bool

	data  *recovery.Recovered
	model *model
	begun []*attempt // in the order they were begun, not yet waited for
	ops   int
}

func newSim(t *testing.T, seed uint64) *sim {
	return &sim{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), fs: crashfs.New(), now: 1_000_000,
		model: newModel(),
	}
}

func options(fsys vfs.FS, boot int, now func() int64) recovery.Options {
	return recovery.Options{
		FS: fsys, Dir: "/data", BootID: fmt.Sprintf("boot-%d", boot), Log: zerolog.Nop(),
		Gate: recovery.NewGate(time.Now),
		WAL: wal.Options{
			FileBytes: 16 << 10, QueueBytes: 64 << 10, CacheBytes: 1 << 20,
			DiskSync: time.Millisecond, QueueWait: time.Second, Manual: true,
		},
		Topics: topics.Options{Now: now},
	}
}

// up recovers, through as many crashes in recovery itself as the dice say.
func (s *sim) up() {
	for {
		s.cut = s.rng.IntN(4) == 0
		if s.cut {
			s.fs.CrashAfter(s.rng.IntN(40))
		}
		data, err := s.recover()
		if err == nil && !s.fs.Crashed() { // what follows the last promise may be cut unnoticed
			s.data = data
			if s.cut {
				s.fs.CrashAfter(-1)
				s.cut = false
			}
			return
		}
		if !s.cut || err != nil && !errors.Is(err, crashfs.ErrCrashed) {
			s.t.Fatalf("recovery after a mere crash: %v", err)
		}
		s.down()
	}
}

func (s *sim) recover() (*recovery.Recovered, error) {
	return recovery.Run(context.Background(), options(s.fs, s.boot, func() int64 { return s.now }))
}

// down ends the process without ceremony: killed, or with the power.
func (s *sim) down() {
	for _, a := range s.begun {
		s.model.unknown(a)
	}
	s.begun = nil
	if s.rng.IntN(2) == 0 {
		s.fs = s.fs.Kill()
		s.model.killed()
		return
	}
	s.fs = s.fs.Crash(s.rng)
	s.boot++
	s.model.powerLost()
}

// run is one life: a few dozen operations, an end, and the checks after it.
func (s *sim) run(lives int) {
	for range lives {
		s.up()
		s.model.check(s.t, s.data.Registry)
		s.again()
		if s.rng.IntN(3) == 0 {
			s.cut = true
			s.fs.CrashAfter(s.rng.IntN(60))
		}
		for range 10 + s.rng.IntN(40) {
			s.step()
			if s.cut && s.fs.Crashed() {
				break
			}
		}
		if s.fs.Crashed() || s.rng.IntN(3) > 0 {
			s.down()
		} else {
			s.stop()
		}
	}
}

// again kills and recovers twice more: the second time must change nothing.
func (s *sim) again() {
	if s.rng.IntN(3) > 0 {
		return
	}
	var dumps [2]string
	for i := range dumps {
		s.fs = s.fs.Kill()
		s.model.killed()
		data, err := s.recover()
		if err != nil {
			s.t.Fatal(err)
		}
		s.data = data
		dumps[i] = dump(s.t, data.Registry)
	}
	if dumps[0] != dumps[1] {
		s.t.Fatalf("recovering twice differs: %s", firstDifference(dumps[0], dumps[1]))
	}
	s.model.check(s.t, s.data.Registry)
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d:\n%s\nthen\n%s", i, as[i], bs[i])
		}
	}
	return fmt.Sprintf("%d lines, then %d", len(as), len(bs))
}

// stop ends the process in an orderly way.
func (s *sim) stop() {
	s.waitAll()
	if err := s.data.Close(context.Background()); err != nil && !s.cut {
		s.t.Fatalf("close: %v", err)
	} else if err != nil {
		s.down()
		return
	}
	s.fs.CrashAfter(-1)
	s.cut = false
	s.model.closed()
	if s.rng.IntN(2) == 0 { // an orderly end also survives the power
		s.fs = s.fs.Crash(s.rng)
		s.boot++
		return
	}
	s.fs = s.fs.Kill()
}

// step does one random thing.
func (s *sim) step() {
	s.ops++
	switch n := s.rng.IntN(100); {
	case n < 55:
		s.write()
	case n < 70:
		s.waitAll()
	case n < 76:
		s.now += int64(s.rng.IntN(3000))
		if _, err := s.data.Log.Tick(); err != nil {
			s.crashed(err)
		}
	case n < 80:
		s.data.Registry.Sweep(context.Background())
	case n < 90:
		s.configure()
	case n < 93:
		s.drop()
	case n < 96:
		s.retry()
	default:
		if s.waitAll(); !s.fs.Crashed() {
			s.model.check(s.t, s.data.Registry)
		}
	}
}

// crashed holds that an error can only be the crash.
func (s *sim) crashed(err error) {
	if !s.cut {
		s.t.Fatalf("operation %d: %v", s.ops, err)
	}
}

func TestCrashes(t *testing.T) {
	first, n := uint64(1), *seeds
	if *oneSeed > 0 {
		first, n = *oneSeed, 1
	}
	for seed := first; seed < first+uint64(n); seed++ {
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { newSim(t, seed).run(5) }) {
			t.Fatalf("replay with: go test ./recovery -run TestCrashes -seed %d", seed)
		}
	}
}
