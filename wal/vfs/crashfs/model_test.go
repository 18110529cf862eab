package crashfs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// TestRandomRuns writes, cuts and syncs at random, and holds each byte that is
// found to one of the values that it had since it was last durable.
func TestRandomRuns(t *testing.T) {
	for seed := range seeds {
		rng := source(seed)
		f := New()
		h := durable(t, f, "log", nil)
		m := &model{sizes: []int{0}}
		for range 1 + rng.IntN(30) {
			m.step(t, f, h, rng)
		}
		if kill := rng.IntN(2) == 0; kill {
			f = f.Kill()
		}
		found := must(vfs.ReadFile(f.Crash(rng), "log"))
		if err := m.check(found); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// model is the contract for one file of at most modelSize bytes.
type model struct {
	past  [modelSize][]byte // values since last durable, the present one last; empty is always zero
	since [modelSize]bool   // written since the last sync, failed or not
	sizes []int             // since the last good sync
}

const modelSize = 6 * sectorSize

func (m *model) step(t *testing.T, f *FS, h vfs.File, rng *rand.Rand) {
	size := m.sizes[len(m.sizes)-1]
	switch rng.IntN(8) {
	case 0: // sync
		ok(t, h.Sync())
		for i, past := range m.past {
			if m.since[i] {
				m.past[i] = past[len(past)-1:]
			}
		}
		m.since, m.sizes = [modelSize]bool{}, []int{size}
	case 1: // a sync that fails
		f.FailSync("log", 1)
		if err := h.Sync(); !errors.Is(err, syscall.EIO) {
			t.Fatalf("failing sync: %v", err)
		}
		m.since = [modelSize]bool{}
	case 2:
		to := rng.IntN(modelSize)
		ok(t, h.Truncate(int64(to)))
		for i := to; i < size; i++ {
			m.set(i, 0)
		}
		m.sizes = append(m.sizes, to)
	default:
		off := rng.IntN(modelSize)
		p := make([]byte, 1+rng.IntN(modelSize-off))
		for i := range p {
			p[i] = byte(rng.Uint32())
			m.set(off+i, p[i])
		}
		write(t, h, int64(off), p)
		m.sizes = append(m.sizes, max(size, off+len(p)))
	}
}

func (m *model) set(i int, b byte) {
	if m.past[i] == nil {
		m.past[i] = []byte{0}
	}
	m.past[i] = append(m.past[i], b)
	m.since[i] = true
}

func (m *model) check(found []byte) error {
	if len(found) < slices.Min(m.sizes) || len(found) > slices.Max(m.sizes) {
		return fmt.Errorf("found %d bytes, the file had %d", len(found), m.sizes)
	}
	for i, b := range found {
		if b != 0 && m.past[i] == nil || m.past[i] != nil && !bytes.Contains(m.past[i], []byte{b}) {
			return fmt.Errorf("byte %d is %d, was %d", i, b, m.past[i])
		}
	}
	return nil
}
