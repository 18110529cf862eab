package watch

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/topics/record"
)

func kindOf(err error) record.Kind {
	e := new(record.Error)
	if !errors.As(err, &e) {
		return 0
	}
	return e.Kind
}

// A refused Add or AddPrefix follows nothing.
func TestRefusals(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put("e:1", record.ConfigPatch{Durability: new("ephemeral")})
		for _, name := range []string{"a:1", "a:2", "a:3", "b"} {
			w.write(name, 1, 1)
		}
		o := plain()
		o.Strong = true
		s := NewSession(w.frames, o, 2, everything)
		defer s.Close()
		if _, err := s.Add("absent", Start{}); kindOf(err) != record.KindNotFound {
			t.Errorf("absent: %v", err)
		}
		if _, err := s.Add("e:1", Start{}); kindOf(err) != record.KindInvalid {
			t.Errorf("ephemeral: %v", err)
		}
		weak, _ := w.session(plain())
		defer weak.Close()
		if _, err := weak.Add("e:1", Start{}); err != nil {
			t.Errorf("ephemeral, and not strong: %v", err)
		}
		if _, err := s.AddPrefix("e:", Start{}); kindOf(err) != record.KindInvalid {
			t.Errorf("ephemeral by prefix: %v", err)
		}
		if _, err := s.AddPrefix("a:", Start{}); kindOf(err) != record.KindInvalid {
			t.Errorf("three of two: %v", err)
		}
		if n, m := s.Size(); n+m != 0 {
			t.Errorf("%d topics, %d prefixes", n, m)
		}
		for _, name := range []string{"a:1", "a:2", "a:1"} {
			_, err := s.Add(name, Start{})
			must(t, err)
		}
		if _, err := s.Add("b", Start{}); kindOf(err) != record.KindInvalid {
			t.Errorf("a third: %v", err)
		}
		_, err := s.AddPrefix("later:", Start{})
		must(t, err)
		s.Remove("a:2")
		out := &tape{session: s}
		stop := s.run(out)
		out.want(t, "records a:1 0-1/1", "caught-up a:1 1")
		w.put("later:e", record.ConfigPatch{Durability: new("ephemeral")})
		synctest.Wait()
		if got := out.take(); !strings.HasPrefix(got, `failed later:e topic "later:e" is ephemeral`) {
			t.Errorf("got %s", got)
		}
		w.write("later:d", 1, 1)
		out.want(t, "records later:d 0-1/1", "caught-up later:d 1")
		_ = stop()
		s.Close()
		if _, err := s.Add("b", Start{}); err == nil {
			t.Error("a closed session took a topic")
		}
		if _, err := s.AddPrefix("b", Start{}); err == nil {
			t.Error("a closed session took a prefix")
		}
		if err := s.Run(t.Context(), out); err == nil {
			t.Error("a closed session ran")
		}
	})
}

// At the limit, a topic that a prefix covers takes the place of one that is
// gone, even if the client has not been notified of that yet.
func TestCapOfPrefixTopics(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("p:1", 1, 1)
		w.write("p:2", 1, 1)
		s := NewSession(w.frames, plain(), 2, everything)
		defer s.Close()
		_, err := s.AddPrefix("p:", Start{Tail: true})
		must(t, err)
		out := &tape{session: s, hold: make(chan struct{})}
		stop := s.run(out)
		synctest.Wait()
		out.take() // in either order
		w.write("p:1", 2, 1)
		synctest.Wait() // it is being sent
		w.delete("p:2")
		w.write("p:3", 1, 1)
		w.write("p:4", 1, 1)
		synctest.Wait()
		close(out.hold)
		out.want(t, "records p:1 1-2/2", "caught-up p:1 2",
			"failed p:4 at most 2 topics can be watched at once, those of prefixes included",
			"deleted p:2 1 deleted", "records p:3 0-1/1", "caught-up p:3 1")
		if n, _ := s.Size(); n != 2 {
			t.Errorf("%d topics", n)
		}
		_ = stop()
	})
}

// A topic that was created again before the client was notified of its deletion
// keeps its place.
func TestCapOfTopicMadeAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("p:1", 1, 1)
		w.write("p:2", 1, 1)
		s := NewSession(w.frames, plain(), 2, everything)
		defer s.Close()
		_, err := s.AddPrefix("p:", Start{Tail: true})
		must(t, err)
		out := &tape{session: s}
		r := &run{Session: s, ctx: t.Context(), out: out}
		w.delete("p:2")
		synctest.Wait()
		if no := r.take(); no != nil {
			t.Errorf("refused: %+v", no)
		}
		w.write("p:2", 1, 1)
		w.write("p:3", 1, 1)
		synctest.Wait()
		if no := r.take(); len(no) != 1 || no[0].topic != "p:3" {
			t.Errorf("refused: %+v", no)
		}
		if n, _ := s.Size(); n != 2 {
			t.Errorf("%d topics", n)
		}
	})
}

// A refusal does not affect what was followed before.
func TestRefusalKeepsWhatWas(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 1)
		w.write("p:1", 1, 1)
		o := plain()
		o.Strong = true
		s := NewSession(w.frames, o, 3, everything)
		defer s.Close()
		_, err := s.Add("a", Start{Tail: true})
		must(t, err)
		_, err = s.AddPrefix("p:", Start{Tail: true})
		must(t, err)
		w.put("a", record.ConfigPatch{Durability: new("ephemeral")})
		w.put("p:e", record.ConfigPatch{Durability: new("ephemeral")})
		if _, err := s.Add("a", Start{}); kindOf(err) != record.KindInvalid {
			t.Errorf("ephemeral: %v", err)
		}
		if _, err := s.AddPrefix("p:", Start{}); kindOf(err) != record.KindInvalid {
			t.Errorf("ephemeral by prefix: %v", err)
		}
		w.put("a", record.ConfigPatch{})
		w.delete("p:e")
		out := &tape{session: s}
		stop := s.run(out)
		synctest.Wait()
		out.take()
		w.write("a", 2, 1)
		out.want(t, "records a 1-2/2", "caught-up a 2")
		w.write("p:2", 1, 1)
		out.want(t, "records p:2 0-1/1", "caught-up p:2 1")
		_ = stop()
	})
}
