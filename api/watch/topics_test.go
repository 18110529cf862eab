package watch

import (
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/topics/record"
)

// A topic that is added again begins where the second Add says, and only there.
func TestAddAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 3)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		out.hold = make(chan struct{})
		stop := s.run(out)
		synctest.Wait() // it is being sent
		w.write("a", 4, 1)
		for range 2 {
			_, err = s.Add("a", Start{From: 2})
			must(t, err)
		}
		close(out.hold)
		out.want(t, "records a 0-3/3", "caught-up a 3", "records a 2-4/4", "caught-up a 4")
		_ = stop()
		if n := len(w.frames.lines); n != 0 {
			t.Errorf("%d lines are left", n)
		}
	})
}

// A topic of a prefix is followed as long as any prefix of the session covers
// it.
func TestOverlappingPrefixes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s, out := w.session(plain())
		defer s.Close()
		for _, prefix := range []string{"p", "p:", "p:1"} {
			_, err := s.AddPrefix(prefix, Start{})
			must(t, err)
		}
		stop := s.run(out)
		w.write("p:1", 1, 1)
		out.want(t, "records p:1 0-1/1", "caught-up p:1 1")
		s.RemovePrefix("p:1")
		s.RemovePrefix("p")
		w.write("p:1", 2, 1)
		out.want(t, "records p:1 1-2/2", "caught-up p:1 2")
		w.write("p", 1, 1)
		w.write("p:2", 1, 1)
		out.want(t, "records p:2 0-1/1", "caught-up p:2 1")
		s.RemovePrefix("p:")
		w.write("p:1", 3, 1)
		out.want(t)
		if n, m := s.Size(); n+m != 0 {
			t.Errorf("%d topics, %d prefixes", n, m)
		}
		_ = stop()
		w.write("p:9", 1, 1)
		synctest.Wait()
		if events := s.subscriber.Take(nil); len(events) > 0 {
			t.Errorf("the session gets events of topics that it does not follow: %v", events)
		}
	})
}

// What a new topic of a prefix loses before its first records are read is
// reported with the topic's own reason, since the client was connected. What a
// topic lost before it was added is not.
func TestLossOfANewTopic(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 1)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		_, err = s.AddPrefix("p:", Start{})
		must(t, err)
		out.hold = make(chan struct{})
		stop := s.run(out)
		synctest.Wait() // busy
		w.put("p:1", record.ConfigPatch{CapRecords: new(int64(1))})
		w.write("p:1", 1, 1)
		w.write("p:1", 2, 1)
		close(out.hold)
		out.want(t, "records a 0-1/1", "caught-up a 1",
			"tombstone p:1 1-1 cap", "records p:1 1-2/2", "caught-up p:1 2")
		_, err = s.Add("p:1", Start{})
		must(t, err)
		out.want(t, "tombstone p:1 1-1 from_seq_too_old", "records p:1 1-2/2", "caught-up p:1 2")
		_ = stop()
	})
}
