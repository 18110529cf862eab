package replay

import (
	"testing"

	"github.com/e6e95bb8/topics/topics/catalog"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// In a repaired log a router is no further than its source: what comes there
// anew has the seqs of what is lost, and is forwarded.
func TestSettledRouters(t *testing.T) {
	const begin = 1 << 20
	shared := &topic.Shared{Host: noHost{}}
	rp := New(shared, catalog.New(shared, 0), router.NewTable())
	a, b := topic.New(1, "a", shared), topic.New(2, "b", shared)
	a.Head = 3
	behind := &router.Router{ID: 1, Name: "behind", Source: a, Dest: b}
	beyond := &router.Router{ID: 2, Name: "beyond", Source: a, Dest: b}
	behind.Moved(2, 9*begin)
	beyond.Moved(9, 9*begin)
	rp.addRouter(behind)
	rp.addRouter(beyond)
	(&Repairer{rp: rp}).settleRouters(begin)
	for rt, want := range map[*router.Router]uint64{behind: 2, beyond: 3} {
		if rt.Cursor != want || rt.Done != want || rt.Applied != begin {
			t.Errorf("%s: at %d, done to %d, as of %d; want %d, of %d", rt.Name, rt.Cursor, rt.Done, rt.Applied, want, begin)
		}
	}
}
