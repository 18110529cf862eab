package topics

import (
	"context"
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
)

// Runs that are not what appendRuns makes of so many records are refused, at
// no cost.
func TestRunsRefuse(t *testing.T) {
	good := []reference{{at: 800, from: 3, count: 2, strip: record.HasTag, path: []byte{1}}, {at: 80, count: 1, strip: record.HasNode, path: []byte{1, 4}}}
	decode := func(runs []reference, count int) ([]reference, bool) {
		d := record.NewDecoder(appendRuns(nil, runs))
		out := decodeRuns(&d, count)
		return out, !d.Failed() && d.Left() == 0
	}
	if got, ok := decode(good, 3); !ok || !reflect.DeepEqual(got, good) {
		t.Errorf("%+v, %v", got, ok)
	}
	change := func(f func(*reference)) []reference {
		u := good[0]
		f(&u)
		return []reference{u, good[1]}
	}
	for what, runs := range map[string][]reference{
		"no run":              nil,
		"too few":             good[:1],
		"too many":            append(good[:2:2], good[1]),
		"no record":           change(func(u *reference) { u.count = 0 }),
		"more than there are": change(func(u *reference) { u.count = 3 }),
		"before the log":      change(func(u *reference) { u.at = -8 & (1<<63 - 1) }),
		"behind every log":    change(func(u *reference) { u.at = (maxFrameAt + 1) * 8 & (1<<63 - 1) }),
		"behind every frame":  change(func(u *reference) { u.from = maxFrameRecords + 1 }),
		"other flags":         change(func(u *reference) { u.strip = record.HasTag | 1<<7 }),
	} {
		if got, ok := decode(runs, 3); ok {
			t.Errorf("%s: %+v", what, got)
		}
	}
	for _, n := range []byte{0, 1, 3, 0x7f} { // so many are announced, and none are there
		d := record.NewDecoder([]byte{n})
		if decodeRuns(&d, 200); !d.Failed() {
			t.Errorf("%d of none", n)
		}
	}
	huge := record.NewDecoder(append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, make([]byte, 20)...))
	if decodeRuns(&huge, 1<<60); !huge.Failed() {
		t.Error("more than its bytes can hold")
	}
}

// Records of one frame that came under what a router was, and under what it is
// now, keep the difference on their further way.
func TestRunsOfAChangedRouter(t *testing.T) {
	w := newWorld(t)
	w.put("b", &record.ConfigPatch{CapRecords: ptr(int64(2)), Discard: ptr("reject")})
	w.connect("ab", "a", "b")
	w.connect("bc", "b", "c")
	w.send("a", "1", "2", "3", "4")
	w.forwardFrom(context.Background(), w.lookup("a"))
	w.connect("ab", "a", "b", func(s *RouterSpec) { s.PreserveTag = false })
	w.put("b", &record.ConfigPatch{})
	w.forwardFrom(context.Background(), w.lookup("a"))
	for range 2 {
		w.holdsLines("b", "1 1 t1 n", "2 2 t2 n", "3 3  n", "4 4  n")
		w.holdsLines("c", "1 1 t1 n", "2 2 t2 n", "3 3  n", "4 4  n")
		w.kill()
	}
}
