package watch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/topics"
)

// If the names are too long for a header that proxies accept, cursors are
// identified by number, and an id restores them as it does by name. An id from
// before there were so many topics works too. A topic that was added later,
// even under a name that existed before, begins again.
func TestIDOfLongNames(t *testing.T) {
	s := NewSession(NewFrames(topics.New(topics.Options{}), bounds), plain(), 256, everything)
	name := func(i int) string { return fmt.Sprintf("%d%s", i, strings.Repeat("x", 240)) }
	add := func(i int) {
		s.insert(&cursor{topic: name(i), start: 1, at: uint64(100 + i)})
	}
	add(0)
	early, err := ParseID(string(s.AppendID(nil)))
	must(t, err)
	for i := range 255 {
		add(i + 1)
	}
	id := string(s.AppendID(nil))
	if len(id) > 7<<10 {
		t.Errorf("an id of %d bytes", len(id))
	}
	late, err := ParseID(id)
	must(t, err)
	s.drop(s.cursors[name(7)])
	add(7)
	for _, c := range s.cursors {
		s.move(c, c.at+1000)
	}
	s.Rewind(late)
	for i := range 256 {
		want := uint64(100 + i)
		if i == 7 {
			want = 1
		}
		if at := s.cursors[name(i)].at; at != want {
			t.Errorf("%d is at %d, want %d", i, at, want)
		}
	}
	s.Rewind(early)
	if a, b := s.cursors[name(0)].at, s.cursors[name(1)].at; a != 100 || b != 1 {
		t.Errorf("at %d and %d", a, b)
	}
}

// Ids allocate no memory, however many topics there are. There is no id if the
// numbers are too many for a header.
func TestIDCost(t *testing.T) {
	s := NewSession(NewFrames(topics.New(topics.Options{}), bounds), plain(), 256, everything)
	for i := range 200 {
		s.insert(&cursor{topic: fmt.Sprintf("tenant%04d:orders", i), at: uint64(100 + i)})
	}
	c := s.cursors["tenant0007:orders"]
	b := s.AppendID(make([]byte, 0, 64<<10))
	if n := testing.AllocsPerRun(100, func() {
		s.move(c, c.at+1)
		b = s.AppendID(b[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if at := decode(t, string(b)); at["tenant0007:orders"] != c.at || len(at) != 200 {
		t.Errorf("%d cursors, %d", len(at), at["tenant0007:orders"])
	}
	s.move(c, 5)
	if at := decode(t, string(s.AppendID(nil))); at["tenant0007:orders"] != 5 {
		t.Errorf("at %d", at["tenant0007:orders"])
	}
	for i := range 4000 {
		s.insert(&cursor{topic: fmt.Sprintf("another%d", i)})
	}
	if id := s.AppendID(nil); len(id) != 0 {
		t.Errorf("an id of %d bytes", len(id))
	}
}

func BenchmarkAppendID(b *testing.B) {
	s := NewSession(NewFrames(topics.New(topics.Options{}), bounds), plain(), 256, everything)
	for i := range 256 {
		s.insert(&cursor{topic: fmt.Sprintf("tenant%04d:orders", i), at: uint64(100_000 + i)})
	}
	c, buf := s.cursors["tenant0007:orders"], []byte(nil)
	for b.Loop() {
		s.move(c, c.at+1)
		buf = s.AppendID(buf[:0])
	}
}
