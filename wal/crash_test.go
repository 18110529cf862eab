package wal

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seedCount = flag.Int("seeds", 400, "how many random lives of a log the crash simulation runs")
	oneSeed   = flag.Int64("seed", -1, "run only this seed of the crash simulation, and print what it does")
)

// TestCrash runs random lives of a log on a file system that loses its power,
// and checks every recovery against the promises. Each seed is a life that can
// be run again with -seed.
func TestCrash(t *testing.T) {
	if *oneSeed >= 0 {
		s := newSimulation(uint64(*oneSeed))
		if err := s.live(); err != nil {
			t.Error(err)
		}
		t.Log("\n" + strings.Join(s.trace, "\n"))
		return
	}
	var next, failed atomic.Int64
	var total tally
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for failed.Load() < 5 {
				seed := next.Add(1) - 1
				if seed >= int64(*seedCount) {
					return
				}
				s := newSimulation(uint64(seed))
				if err := s.live(); err != nil {
					failed.Add(1)
					t.Errorf("%v\nrun it again: go test ./wal -run TestCrash -seed %d", err, seed)
				}
				mu.Lock()
				total.add(s.tally)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Log(total)
	if *seedCount >= 400 && total.idle() {
		t.Errorf("the simulation does not do what it is for: %v", total)
	}
}

// tally counts what happened, to see that a simulation is worth its time.
type tally struct {
	frames, rotations, kills, cuts, cutRecoveries, failedSyncs, torn, lost, fulls int
	freed, recycled, kept, begun, noFiles, reclaims, killTorn, rotated            int
}

func (a *tally) add(b tally) {
	a.frames += b.frames
	a.rotations += b.rotations
	a.kills += b.kills
	a.cuts += b.cuts
	a.cutRecoveries += b.cutRecoveries
	a.failedSyncs += b.failedSyncs
	a.torn += b.torn
	a.lost += b.lost
	a.fulls += b.fulls
	a.freed += b.freed
	a.recycled += b.recycled
	a.kept += b.kept
	a.begun += b.begun
	a.noFiles += b.noFiles
	a.reclaims += b.reclaims
	a.killTorn += b.killTorn
	a.rotated += b.rotated
}

// idle reports whether something that must happen often never did.
func (a tally) idle() bool {
	return a.frames == 0 || a.rotations == 0 || a.kills == 0 || a.cuts == 0 ||
		a.cutRecoveries == 0 || a.failedSyncs == 0 || a.torn == 0 || a.lost == 0 || a.fulls == 0 ||
		a.freed == 0 || a.recycled == 0 || a.kept == 0 || a.begun == 0 || a.noFiles == 0 || a.reclaims == 0 || a.killTorn == 0 ||
		a.rotated == 0
}

func (a tally) String() string {
	return fmt.Sprintf("%d frames, %d rotations, %d kills, %d power cuts, %d recoveries cut, %d failed syncs, "+
		"%d torn tails (%d by a kill), %d unpromised frames lost, %d times full, "+
		"%d rotated on demand, %d files freed, %d recycled, %d kept, %d logs begun elsewhere, %d files not made, %d pages reclaimed", a.frames, a.rotations, a.kills, a.cuts, a.cutRecoveries,
		a.failedSyncs, a.torn, a.killTorn, a.lost, a.fulls, a.rotated, a.freed, a.recycled, a.kept, a.begun, a.noFiles, a.reclaims)
}
