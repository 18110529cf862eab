package entry

import (
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
)

// TestRunsRefuse checks that runs which are not what appendRuns makes of so many
// records are refused, at no cost.
func TestRunsRefuse(t *testing.T) {
	good := []Run{{At: 800, From: 3, Count: 2, Strip: record.HasTag, Path: []byte{1}}, {At: 80, Count: 1, Strip: record.HasNode, Path: []byte{1, 4}}}
	decode := func(runs []Run, count int) ([]Run, bool) {
		d := record.NewDecoder(appendRuns(nil, runs))
		out := decodeRuns(&d, count)
		return out, !d.Failed() && d.Left() == 0
	}
	if got, ok := decode(good, 3); !ok || !reflect.DeepEqual(got, good) {
		t.Errorf("%+v, %v", got, ok)
	}
	change := func(f func(*Run)) []Run {
		u := good[0]
		f(&u)
		return []Run{u, good[1]}
	}
	for what, runs := range map[string][]Run{
		"no run":              nil,
		"too few":             good[:1],
		"too many":            append(good[:2:2], good[1]),
		"no record":           change(func(u *Run) { u.Count = 0 }),
		"more than there are": change(func(u *Run) { u.Count = 3 }),
		"before the log":      change(func(u *Run) { u.At = -8 & (1<<63 - 1) }),
		"after every log":     change(func(u *Run) { u.At = (maxRunAt + 1) * 8 & (1<<63 - 1) }),
		"after every frame":   change(func(u *Run) { u.From = maxRunFrom + 1 }),
		"other flags":         change(func(u *Run) { u.Strip = record.HasTag | 1<<7 }),
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
