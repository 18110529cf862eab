package watch

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// decode decodes an id without the code of this package.
func decode(t testing.TB, id string) map[string]uint64 {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(id)
	must(t, err)
	var at map[string]uint64
	if err := json.Unmarshal(text, &at); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return at
}

// Every event's id is the map of all cursors as after that event.
func TestIDs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 9)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{From: 7})
		must(t, err)
		stop := s.run(out)
		defer func() { _ = stop() }()
		out.want(t, "records a 7-9/9", "caught-up a 9")
		w.write("a", 10, 1)
		out.want(t, "records a 9-10/10", "caught-up a 10")
		w.write("b", 1, 1)
		_, err = s.Add("b", Start{})
		must(t, err)
		out.want(t, "records b 0-1/1", "caught-up b 1")
		w.delete("b")
		out.want(t, "deleted b 1 deleted")
		s.Remove("b")
		w.write("a", 11, 1)
		out.want(t, "records a 10-11/11", "caught-up a 11")
		want := []string{
			"map[a:9]", "map[a:9]", "map[a:10]", "map[a:10]", "map[a:10 b:1]", "map[a:10 b:1]",
			"map[$epoch:1 a:10 b:0]", "map[$epoch:1 a:11]", "map[$epoch:1 a:11]",
		}
		for i, id := range out.ids {
			if got := fmt.Sprint(decode(t, id)); got != want[i] {
				t.Errorf("event %d has %s, want %s", i, got, want[i])
			}
		}
		if len(out.ids) != len(want) {
			t.Errorf("%d ids", len(out.ids))
		}
	})
}

// An id moves cursors back and never forward. A topic that it does not have
// begins again.
func TestRewind(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 5)
		w.write("b", 1, 5)
		s, out := w.session(plain())
		defer s.Close()
		for _, name := range []string{"a", "b"} {
			_, err := s.Add(name, Start{From: 1})
			must(t, err)
		}
		stop := s.run(out)
		synctest.Wait()
		_ = out.take()
		_ = stop()
		for doc, want := range map[string]string{
			`{"a":3,"b":99}`:           "records a 3-5/5 caught-up a 5 caught-up b 5",
			`{"b":4}`:                  "records a 1-5/5 caught-up a 5 records b 4-5/5 caught-up b 5",
			`{"a":5,"b":5,"c":1}`:      "caught-up a 5 caught-up b 5",
			`{"a":0, "b" : 5 }`:        "records a 0-5/5 caught-up a 5 caught-up b 5",
			`{"$epoch":7,"a":5,"b":5}`: "caught-up a 5 caught-up b 5",
		} {
			place, err := ParseID(base64.RawURLEncoding.EncodeToString([]byte(doc)))
			must(t, err)
			s.Rewind(place)
			stop := s.run(out)
			synctest.Wait()
			var a, b []string
			for line := range strings.SplitSeq(out.take(), "\n") {
				if strings.Contains(line, " a ") {
					a = append(a, line)
				} else {
					b = append(b, line)
				}
			}
			if got := strings.Join(append(a, b...), " "); got != want {
				t.Errorf("%s: got %s, want %s", doc, got, want)
			}
			_ = stop()
		}
	})
}

// A client that was cut off before it learned that a topic is another one is
// notified, and gets all records of the new one.
func TestRewindOverDeletion(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, name := range []string{"a", "p:1", "p:2"} {
			w.write(name, 1, 5)
		}
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		_, err = s.AddPrefix("p:", Start{})
		must(t, err)
		stop := s.run(out)
		synctest.Wait()
		_ = out.take()
		heard, err := ParseID(out.ids[len(out.ids)-1])
		must(t, err)
		for _, name := range []string{"a", "p:1", "p:2"} {
			w.delete(name)
			synctest.Wait()
		}
		w.write("a", 1, 7)
		synctest.Wait()
		w.write("p:1", 1, 3)
		out.want(t, "deleted a 5 deleted", "deleted p:1 5 deleted", "deleted p:2 5 deleted",
			"records a 0-7/7", "caught-up a 7", "records p:1 0-3/3", "caught-up p:1 3")
		_ = stop()
		s.Rewind(heard)
		stop = s.run(out)
		synctest.Wait()
		got := out.take()
		for _, want := range []string{
			"deleted a 5 deleted", "deleted p:1 5 deleted", "deleted p:2 5 deleted",
			"records a 0-7/7\ncaught-up a 7", "records p:1 0-3/3\ncaught-up p:1 3",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
		_ = stop()
		if n, _ := s.Size(); n != 2 {
			t.Errorf("%d topics", n)
		}
	})
}

// Even if there were more deletions than are remembered, a topic that was
// created again begins with its first record.
func TestRewindOverManyDeletions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 5)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		_, err = s.AddPrefix("p:", Start{})
		must(t, err)
		stop := s.run(out)
		out.want(t, "records a 0-5/5", "caught-up a 5")
		heard, err := ParseID(out.ids[len(out.ids)-1])
		must(t, err)
		w.delete("a")
		w.write("a", 1, 7)
		synctest.Wait()
		for range minPast + 8 {
			w.write("p:1", 1, 1)
			synctest.Wait()
			w.delete("p:1")
			synctest.Wait()
		}
		_ = out.take()
		_ = stop()
		if len(s.past) != minPast {
			t.Errorf("%d deletions are kept", len(s.past))
		}
		s.Rewind(heard)
		stop = s.run(out)
		synctest.Wait()
		if got := out.take(); !strings.Contains(got, "records a 0-7/7") {
			t.Errorf("got %s", got)
		}
		_ = stop()
	})
}

// ParseID refuses what is not an id, and otherwise agrees with an independent
// decoder.
func FuzzParseID(f *testing.F) {
	for _, doc := range []string{`{}`, `{"a":1}`, `{"a":18446744073709551615,"$epoch":3}`, `{"a":-1}`, `{"a":1.5}`, `[]`, `{"a":{}}`, `{"a":1}x`, `null`, ``} {
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(doc)))
	}
	f.Add("%%%")
	f.Add("eyJhIjoxfQ==")
	f.Fuzz(func(t *testing.T, id string) {
		p, err := ParseID(id)
		if err != nil {
			return
		}
		text, err := base64.RawURLEncoding.DecodeString(id)
		must(t, err)
		var want map[string]uint64
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if p.epoch != want[epochName] {
			t.Errorf("epoch %d of %s", p.epoch, text)
		}
		delete(want, epochName)
		if fmt.Sprint(p.at) != fmt.Sprint(want) {
			t.Errorf("%v of %s", p.at, text)
		}
	})
}

// A client that resumes from before more deletions than are remembered is
// notified of those of the topics in its id.
func TestResumeBeforeManyDeletions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("p:1", 1, 1)
		w.write("p:2", 1, 1)
		s := NewSession(w.frames, plain(), 4, everything)
		defer s.Close()
		_, err := s.AddPrefix("p:", Start{})
		must(t, err)
		out := &tape{session: s}
		stop := s.run(out)
		synctest.Wait()
		id := string(s.AppendID(nil))
		for range minPast + 1 {
			w.delete("p:1")
			synctest.Wait()
			w.write("p:1", 7, 1)
			synctest.Wait()
		}
		w.delete("p:2")
		for range minPast + 1 {
			w.delete("p:1")
			synctest.Wait()
			w.write("p:1", 7, 1)
			synctest.Wait()
		}
		_ = stop()
		out.take()
		place, err := ParseID(id)
		must(t, err)
		s.Rewind(place)
		stop = s.run(out)
		synctest.Wait()
		got := out.take()
		for _, want := range []string{"deleted p:1 1 deleted", "deleted p:2 1 deleted", "records p:1 0-1/1"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q lacks %q", got, want)
			}
		}
		_ = stop()
	})
}
