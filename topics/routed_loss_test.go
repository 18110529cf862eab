package topics

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
)

// News of a loss goes no further than the records would have gone: not round a
// cycle, and from there to everybody once.
func TestTrimInACycle(t *testing.T) {
	w := newWorld(t)
	cycles := func(s *router.Spec) { s.AllowCycle = true }
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(1))})
	w.connect("ab", "a", "b", cycles)
	w.connect("ba", "b", "a", cycles)
	w.connect("bc", "b", "c", cycles)
	w.connect("cb", "c", "b", cycles)
	for _, text := range []string{"1", "2", "3"} {
		w.send("a", text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // else it would never end
	defer cancel()
	w.Forward(ctx)
	check := func() {
		t.Helper()
		w.holdsLines("a", "lost 1-2 cap", "3 3 t3 n")
		w.holdsLines("b", "lost 1-2 source_trim", "3 3 t3 n")
		w.holdsLines("c", "lost 1-2 source_trim", "3 3 t3 n")
	}
	check()
	for range 2 {
		w.kill()
		w.Forward(ctx)
		check()
		w.checkpoint(nil)
	}
}

// What was lost before it could be forwarded does not count as forwarded, also
// not when the news of it went to an ephemeral topic.
func TestLossIsNotForwarded(t *testing.T) {
	for _, c := range []record.Class{record.Ephemeral, record.Disk} {
		w := newWorld(t)
		w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(1))})
		w.put("b", class(c))
		w.connect("ab", "a", "b")
		for _, text := range []string{"1", "2", "3"} {
			w.send("a", text)
		}
		for range 3 {
			w.Forward(context.Background())
			if s, err := w.routing.Router("ab"); err != nil || s.Forwarded != 1 || s.Lag != 0 {
				t.Fatalf("%v: %+v, %v", c, s, err)
			}
			w.kill()
		}
	}
}

// The seqs of ephemeral records that one checkpoint knows of are lost where
// recovery has to begin at the one before, which does not.
func TestLossBehindACheckpointThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Ephemeral))
	w.write("a", 4)
	w.checkpoint(nil)
	w.kill()
	head := w.state("a").Head
	w.disk.start, w.disk.state, w.disk.ids = 0, nil, nil
	w.kill()
	if s := w.state("a"); s.Head != head || strings.Join(w.lines("a"), " ") != "lost 1-1024 crash" {
		t.Fatalf("%+v, was %d: %q", s, head, w.lines("a"))
	}
}
