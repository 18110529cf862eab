package topics

import (
	"testing"

	"github.com/e6e95bb8/topics/topics/topic"
)

// In a repaired log a router is no further than its source: what comes there
// anew has the seqs of what is lost, and is forwarded.
func TestSettledRouters(t *testing.T) {
	const begin = 1 << 20
	r := New(Options{})
	a, b := topic.New(1, "a", r.shared), topic.New(2, "b", r.shared)
	a.Head = 3
	behind := &router{id: 1, name: "behind", source: a, dest: b}
	beyond := &router{id: 2, name: "beyond", source: a, dest: b}
	behind.moved(2, 9*begin)
	beyond.moved(9, 9*begin)
	r.addRouter(behind)
	r.addRouter(beyond)
	(&Repairer{r: r}).settleRouters(begin)
	for rt, want := range map[*router]uint64{behind: 2, beyond: 3} {
		if rt.cursor != want || rt.done != want || rt.applied != begin {
			t.Errorf("%s: at %d, done to %d, as of %d; want %d, of %d", rt.name, rt.cursor, rt.done, rt.applied, want, begin)
		}
	}
}
