package watch

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

// A session sends the records after each topic's start, reports when it has
// sent all, and then sends new ones.
func TestFollowing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 3)
		w.write("b", 1, 2)
		s, out := w.session(plain())
		defer s.Close()
		at, err := s.Add("a", Start{From: 1})
		must(t, err)
		if at != (Position{From: 1, Head: 3, Earliest: 1}) {
			t.Errorf("a begins at %+v", at)
		}
		stop := s.run(out)
		out.want(t, "records a 1-3/3", "caught-up a 3")
		if at, err = s.Add("b", Start{From: 7, Tail: true}); err != nil || at.From != 2 {
			t.Errorf("b begins at %+v, %v", at, err)
		}
		out.want(t, "caught-up b 2")
		w.write("b", 3, 1)
		out.want(t, "records b 2-3/3", "caught-up b 3")
		w.write("a", 4, 150)
		out.want(t, "records a 3-103/153", "records a 103-153/153", "caught-up a 153")
		if got := string(out.frames[0].Body); !strings.HasPrefix(got, `{"topic":"a","records":[{"$seq":2,`) ||
			!strings.HasSuffix(got, `,"data":3}],"from_seq":1,"to_seq":3,"head_seq":3}`) || out.frames[0].Count != 2 {
			t.Errorf("frame %s", got)
		}
		s.Remove("b")
		w.write("b", 4, 1)
		out.want(t)
		if err := stop(); err != context.Canceled {
			t.Errorf("it ended with %v", err)
		}
		w.write("a", 154, 1)
		stop = s.run(out)
		out.want(t, "records a 153-154/154", "caught-up a 154")
		_ = stop()
	})
}

// Topics take turns, however much there is of one.
func TestTurns(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 3)
		w.write("b", 1, 3)
		o := plain()
		o.Limit = 1
		s, out := w.session(o)
		defer s.Close()
		stop := s.run(out)
		defer func() { _ = stop() }()
		out.hold = make(chan struct{})
		_, err := s.Add("a", Start{})
		must(t, err)
		synctest.Wait()
		_, err = s.Add("b", Start{})
		must(t, err)
		close(out.hold)
		out.want(t, "records a 0-1/3", "records b 0-1/3", "records a 1-2/3", "records b 1-2/3",
			"records a 2-3/3", "caught-up a 3", "records b 2-3/3", "caught-up b 3")
	})
}

// The event that is being sent when a topic is removed is its last one.
func TestRemoveWhileSending(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 3)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		out.hold = make(chan struct{})
		stop := s.run(out)
		synctest.Wait()
		s.Remove("a")
		close(out.hold)
		out.want(t, "records a 0-3/3", "caught-up a 3") // both are one piece
		_ = stop()
	})
}

// Filtered records move the cursor; the only event is that the end was reached.
func TestFilters(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		rec := func(tag, node string) record.Record {
			return record.Record{Data: []byte("1"), Tag: []byte(tag), Node: []byte(node), Meta: []byte(`{}`)}
		}
		w.append("a", rec("x1", "n"), rec("y", "n"), rec("x2", "me"), rec("x3", "n"))
		o := plain()
		m, err := record.ParseMatch("x*")
		must(t, err)
		o.Match, o.Nodes, o.Tags, o.Meta, o.Data = &m, []string{"me"}, true, false, false
		s, out := w.session(o)
		defer s.Close()
		_, err = s.Add("a", Start{})
		must(t, err)
		stop := s.run(out)
		defer func() { _ = stop() }()
		out.want(t, "records a 0-4/4", "caught-up a 4")
		body := string(out.frames[0].Body)
		if strings.Contains(body, "data") || strings.Contains(body, "meta") || strings.Count(body, `"$tag":"x`) != 2 {
			t.Errorf("frame %s", body)
		}
		w.append("a", rec("y", "n"))
		out.want(t, "caught-up a 5")
		_, err = w.DeleteRecords(context.Background(), "a", &topics.Deletion{Before: new(uint64(5))})
		must(t, err)
		out.want(t) // drained before and after
	})
}

// A loss is reported before the records that follow it. The reason is that of a
// new connection only at its start.
func TestTombstones(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put("a", record.ConfigPatch{CapRecords: new(int64(2))})
		w.write("a", 1, 2)
		w.write("a", 3, 2)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		out.hold = make(chan struct{}, 1)
		stop := s.run(out)
		out.want(t, "tombstone a 1-2 from_seq_too_old")
		w.write("a", 5, 2)
		w.write("a", 7, 2)
		close(out.hold)
		out.want(t, "records a 2-4/4", "caught-up a 4", "tombstone a 5-6 cap", "records a 6-8/8", "caught-up a 8")
		_ = stop()
		w.write("a", 9, 2)
		w.write("a", 11, 2)
		stop = s.run(out)
		out.want(t, "tombstone a 9-10 from_seq_too_old", "records a 10-12/12", "caught-up a 12")
		_ = stop()
		_, err = s.Add("a", Start{From: 99})
		must(t, err)
		stop = s.run(out)
		out.want(t, "tombstone a 1-12 recreated", "caught-up a 12")
		_ = stop()
	})
}

// A topic that is deleted is reported, and begins anew if it is created again,
// even while the session was not running.
func TestDeletedTopics(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 3)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{Tail: true})
		must(t, err)
		stop := s.run(out)
		out.want(t, "caught-up a 3")
		w.delete("a")
		out.want(t, "deleted a 3 deleted")
		w.write("a", 1, 2)
		out.want(t, "records a 0-2/2", "caught-up a 2")
		_ = stop()
		w.delete("a")
		w.write("a", 1, 4)
		stop = s.run(out)
		out.want(t, "deleted a 2 deleted", "records a 0-4/4", "caught-up a 4")
		_ = stop()
	})
}

// A prefix covers topics created later, up to the limit and only if they are
// allowed; a topic beyond the limit is reported once.
func TestPrefixes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("x:1", 1, 2)
		w.write("x:2", 1, 1)
		s := NewSession(w.frames, plain(), 3, func(topic string) bool { return topic != "x:secret" })
		out := &tape{session: s}
		defer s.Close()
		_, err := s.Add("x:2", Start{})
		must(t, err)
		found, err := s.AddPrefix("x:", Start{Tail: true})
		if err != nil || len(found) != 1 || found["x:1"] != (Position{From: 2, Head: 2, Earliest: 1}) {
			t.Fatalf("%v, %v", found, err)
		}
		stop := s.run(out)
		defer func() { _ = stop() }()
		synctest.Wait()
		_ = out.take()
		w.write("x:secret", 1, 1)
		out.want(t)
		w.write("x:3", 1, 1)
		out.want(t, "records x:3 0-1/1", "caught-up x:3 1")
		w.write("x:4", 1, 1)
		out.want(t, "failed x:4 at most 3 topics can be watched at once, those of prefixes included")
		w.write("x:4", 2, 1)
		out.want(t)
		w.delete("x:3")
		out.want(t, "deleted x:3 1 deleted")
		w.write("x:3", 1, 2)
		out.want(t, "records x:3 0-2/2", "caught-up x:3 2")
		w.delete("x:3")
		out.want(t, "deleted x:3 2 deleted")
		w.write("x:5", 1, 1)
		out.want(t, "records x:5 0-1/1", "caught-up x:5 1")
		if topics, prefixes := s.Size(); topics != 3 || prefixes != 1 || !s.HasPrefix("x:") {
			t.Errorf("%d topics, %d prefixes", topics, prefixes)
		}
		s.RemovePrefix("x:")
		w.write("x:5", 1, 1)
		w.write("x:2", 2, 1)
		out.want(t, "records x:2 1-2/2", "caught-up x:2 2")
		if topics, prefixes := s.Size(); topics != 1 || prefixes != 0 {
			t.Errorf("%d topics, %d prefixes", topics, prefixes)
		}
	})
}

// Heartbeats are sent only while there is nothing else to send.
func TestHeartbeat(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 1)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		stop := s.run(out)
		defer func() { _ = stop() }()
		out.want(t, "records a 0-1/1", "caught-up a 1")
		time.Sleep(14 * time.Second)
		out.want(t)
		w.write("a", 2, 1)
		out.want(t, "records a 1-2/2", "caught-up a 2")
		time.Sleep(14 * time.Second)
		out.want(t)
		time.Sleep(2 * time.Second)
		out.want(t, "idle")
		time.Sleep(15 * time.Second)
		out.want(t, "idle")
	})
}

// A failing read is reported once and does not end the session.
func TestFailingReads(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 1)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		w.refuse.Store(&record.Error{Kind: record.KindDamaged, Message: "bad"})
		stop := s.run(out)
		defer func() { _ = stop() }()
		out.want(t, "failed a bad")
		w.write("a", 2, 1)
		out.want(t)
		w.refuse.Store(nil)
		w.write("a", 3, 1)
		out.want(t, "records a 0-3/3", "caught-up a 3")
	})
}

// Sessions with Strong wait for records to be synced, and get all of them.
func TestStrong(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put("a", record.ConfigPatch{Durability: new("memory")})
		o := plain()
		o.Strong = true
		s, out := w.session(o)
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		stop := s.run(out)
		defer func() { _ = stop() }()
		out.want(t, "caught-up a 0")
		for i := range 20 {
			w.write("a", i+1, 1)
		}
		synctest.Wait()
		if got := out.take(); !strings.HasSuffix(got, "caught-up a 20") {
			t.Errorf("got %s", got)
		}
	})
}
