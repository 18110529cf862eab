package recovery_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

var (
	seeds   = flag.Int("seeds", 300, "how many seeds the crash simulator runs")
	oneSeed = flag.Uint64("seed", 0, "run this seed only")
)

// sim drives a whole server's storage, from recovery to reads, in one
// goroutine over a file system that loses what was not synced. Everything it
// does follows from its seed.
type sim struct {
	t   *testing.T
	rng *rand.Rand
	fs  *crashfs.FS
	// The identity of the page cache. A power cut changes one of them: another
	// boot, or another mount of what the disk had.
	boot, mount int
	doubt       bool // the power was cut, or the disk failed, since the last start

	now    int64 // the wall clock
	passed int64 // the time that really passed
	began  int64 // by how much the wall clock differed from it when this life began
	jumped bool  // the wall clock is not to be trusted: it jumped once
	// fault is the possible cause of errors in this life, and told is set once one
	// had it. With a fault of the disk the life goes on, on a read-only log.
	fault error
	told  bool
	inj   *errfs.Injector // nil: the disk is sound

	data   *recovery.Recovered
	model  *model
	begun  []*attempt        // in the order they were begun, not yet waited for
	cut    []*attempt        // of the last life, never answered
	left   map[string]string // topics that the end of the last life must not have changed
	ops    int
	erased int // erasures that succeeded
}

// simEpoch is where the wall clock of a simulation begins.
const simEpoch = 1_000_000_000_000

func newSim(t *testing.T, seed uint64) *sim {
	return &sim{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), fs: crashfs.New(), now: simEpoch,
		model: newModel(),
	}
}

func options(fsys vfs.FS, boot int, now func() int64) recovery.Options {
	o := recoverytest.Options(fsys, now)
	o.BootID = fmt.Sprintf("boot-%d", boot)
	return o
}

// up recovers, through as many crashes in recovery itself as the dice say.
func (s *sim) up() {
	for {
		s.data, s.fault, s.told = nil, nil, false
		switch s.rng.IntN(8) {
		case 0, 1:
			s.fault = crashfs.ErrCrashed
			s.fs.CrashAfter(s.rng.IntN(40))
		case 2: // the kernel reports what it could not write, now or before
			s.fault = syscall.EIO
			s.fs.FailSync("*.wal", 1+s.rng.IntN(3))
		}
		data, err := s.recover()
		if err == nil && !s.fs.Crashed() { // what follows the last promise may be cut unnoticed
			if data.Report.PowerLost && s.fault != syscall.EIO && !s.doubt {
				s.t.Fatal("a mere kill passes for a power cut")
			}
			if data.Report.PowerLost {
				s.left = nil
			}
			s.data, s.fault, s.doubt = data, nil, false
			s.fs.CrashAfter(-1)
			s.fs.FailSync("no file", 1)
			return
		}
		if err != nil {
			s.excused(err)
		}
		s.down()
	}
}

func (s *sim) recover() (*recovery.Recovered, error) {
	fsys := vfs.FS(s.fs)
	if s.inj != nil {
		fsys = errfs.New(s.fs, s.inj)
	}
	o := options(fsys, s.boot, func() int64 { return s.now })
	o.Mount = fmt.Sprint("mount ", s.mount)
	o.Topics.Elapsed = func() int64 { return s.passed }
	s.began = s.now - s.passed
	s.model.age(s.now)
	return recovery.Run(context.Background(), o)
}

// pass lets time pass, and now and then has the wall clock jump, by hours to
// years, forward or back, or be set right.
func (s *sim) pass() {
	ms := int64(s.rng.IntN(3000))
	s.now, s.passed = s.now+ms, s.passed+ms
	if s.rng.IntN(6) > 0 {
		return
	}
	const hour = hourMS
	jumps := []int64{hour, -hour, 30 * hour, -30 * hour, 9000 * hour, -9000 * hour, simEpoch + s.passed - s.now}
	s.now = max(1, s.now+jumps[s.rng.IntN(len(jumps))])
	s.jumped, s.model.routing.jumped = true, true
}

// written is the earliest time at which a restart may take a key of now for
// used: by the wall clock of now, or by the one that this life began with.
func (s *sim) written() int64 { return min(s.now, s.passed+s.began) }

// down ends the process without ceremony: killed, or with the power.
func (s *sim) down() {
	s.doubt = s.doubt || s.fault == syscall.EIO || s.inj != nil
	whole := s.fault == nil && s.inj == nil && s.data != nil && len(s.begun) == 0
	s.cut = s.begun
	for _, a := range s.begun {
		s.model.unknown(a)
	}
	s.begun = nil
	if s.rng.IntN(2) == 0 {
		if whole {
			s.remember()
		}
		s.fs = s.fs.Kill()
		s.model.killed()
		s.reclaim()
		return
	}
	s.cutPower()
	s.left = nil
	s.model.powerLost()
}

// cutPower cuts the power, or only the connection to the disk.
func (s *sim) cutPower() {
	s.fs, s.doubt = s.fs.Crash(s.rng), true
	if s.rng.IntN(2) == 0 {
		s.boot++
	} else {
		s.mount++
	}
}

// reclaim has the kernel drop, in the same boot, the pages that it reported it
// could not write.
func (s *sim) reclaim() {
	if s.fault != syscall.EIO || s.rng.IntN(2) == 0 {
		return
	}
	s.fs.Reclaim()
	s.left = nil
	s.model.powerLost()
}

// run is a number of lives: in each a few dozen operations, an end, and the
// checks after it.
func (s *sim) run(lives int) {
	for range lives {
		s.up()
		s.compare()
		s.model.check(s.t, s.data.Registry, true)
		s.checkRouters(true)
		s.again()
		s.retryCut()
		switch s.rng.IntN(6) {
		case 0, 1:
			s.fault = crashfs.ErrCrashed
			s.fs.CrashAfter(s.rng.IntN(60))
		case 2:
			s.fault = syscall.EIO
			s.fs.FailSync([]string{"*", "*.wal"}[s.rng.IntN(2)], 1+s.rng.IntN(8))
		}
		for range 10 + s.rng.IntN(40) {
			if s.step(); s.fs.Crashed() {
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

// remember notes everything that a client can see of the topics that the end of
// this life must leave as they are: nothing in them was ever weaker than disk.
func (s *sim) remember() {
	s.left = map[string]string{}
	page, _ := s.data.Registry.List("", "", 100)
	for _, state := range page {
		l := s.model.lives[state.Name]
		if s.jumped && l != nil && l.evicts {
			continue // a restart may find that more is over, or less, also by a ttl of before
		}
		if l != nil && l.strong && state.Config.Durability >= record.Disk {
			s.left[state.Name] = kept(dumpTopic(s.t, s.data.Registry, state))
		}
	}
}

// kept is a dump without what is not there: whether a deleted seq beside a lost
// range passes silently or in the gap depends on where a batch ends.
func kept(dump string) string {
	var lines []string
	for line := range strings.Lines(dump) {
		if !strings.HasPrefix(line, "  ..") && !strings.HasSuffix(line, " 0 \n") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// compare holds that they are.
func (s *sim) compare() {
	page, _ := s.data.Registry.List("", "", 100)
	for _, state := range page {
		want, ok := s.left[state.Name]
		if got := kept(dumpTopic(s.t, s.data.Registry, state)); ok && got != want {
			s.t.Fatalf("the end of a life changed topic %s: %s", state.Name, firstDifference(want, got))
		}
		delete(s.left, state.Name)
	}
	for name := range s.left {
		s.t.Fatalf("the end of a life took topic %s", name)
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
		s.forward() // what the end took from sources
		dumps[i] = dump(s.t, data.Registry)
	}
	if dumps[0] != dumps[1] {
		s.t.Fatalf("recovering twice differs: %s", firstDifference(dumps[0], dumps[1]))
	}
	s.model.check(s.t, s.data.Registry, true)
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
	s.doubt = s.doubt || s.fault == syscall.EIO || s.inj != nil
	if s.fault == nil && s.inj == nil {
		s.remember()
	}
	if err := s.data.Close(context.Background()); err != nil {
		s.left = nil
		s.excused(err)
		s.down()
		return
	}
	s.cut = nil
	s.fs.CrashAfter(-1)
	s.model.closed()
	if s.rng.IntN(2) == 0 { // an orderly end also survives the power
		s.cutPower()
		return
	}
	s.fs = s.fs.Kill()
}

// step does one random thing.
func (s *sim) step() {
	s.ops++
	switch n := s.rng.IntN(100); {
	case n < 46:
		s.write()
	case n < 52:
		s.router()
	case n < 55:
		s.deleteRecords()
	case n < 70:
		s.waitAll()
	case n < 76:
		s.pass()
		if _, err := s.data.Log.Tick(); err != nil {
			s.excused(err)
		}
	case n < 80:
		for range 1 + s.rng.IntN(3) { // topics come to rest
			s.data.Registry.Sweep(context.Background())
		}
	case n < 90:
		s.configure()
	case n < 93:
		s.drop()
	case n < 96:
		s.retry()
	case n < 98:
		s.checkpoint()
	case n < 99:
		s.deleteRecords()
	default:
		if s.waitAll(); !s.fs.Crashed() {
			s.model.check(s.t, s.data.Registry, false)
			if s.fault == nil {
				s.checkRouters(false)
			}
		}
	}
}

// excused holds that an error comes from the fault of this life, or from the
// log that turned read-only over it.
func (s *sim) excused(err error) {
	s.t.Helper()
	if s.told = true; s.inj != nil && errors.Is(err, errfs.ErrInjected) {
		return
	}
	if s.fault == nil || !errors.Is(err, s.fault) {
		s.t.Fatalf("operation %d: %v", s.ops, err)
	}
}

func TestCrashes(t *testing.T) {
	first, n := uint64(1), *seeds
	if *oneSeed > 0 {
		first, n = *oneSeed, 1
	}
	erased := 0
	for seed := first; seed < first+uint64(n); seed++ {
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := newSim(t, seed)
			s.run(5)
			erased += s.erased
		})
		if !ok {
			t.Fatalf("replay with: go test ./recovery -run TestCrashes -seed %d", seed)
		}
	}
	if n >= 100 && erased < n/10 {
		t.Errorf("erasures that succeeded: %d in %d runs", erased, n)
	}
}
