package topics

import (
	"context"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
)

// Records of one frame that came under what a router was, and under what it is
// now, keep the difference on their further way.
func TestRunsOfAChangedRouter(t *testing.T) {
	w := newWorld(t)
	w.put("b", &record.ConfigPatch{CapRecords: ptr(int64(2)), Discard: ptr("reject")})
	w.connect("ab", "a", "b")
	w.connect("bc", "b", "c")
	w.send("a", "1", "2", "3", "4")
	w.forwarders.ForwardFrom(context.Background(), w.catalog.Lookup("a"))
	w.connect("ab", "a", "b", func(s *router.Spec) { s.PreserveTag = false })
	w.put("b", &record.ConfigPatch{})
	w.forwarders.ForwardFrom(context.Background(), w.catalog.Lookup("a"))
	for range 2 {
		w.holdsLines("b", "1 1 t1 n", "2 2 t2 n", "3 3  n", "4 4  n")
		w.holdsLines("c", "1 1 t1 n", "2 2 t2 n", "3 3  n", "4 4  n")
		w.kill()
	}
}
