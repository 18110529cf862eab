package client

import (
	"context"
	"strings"
	"testing"
)

// Only the first read of a topic that is followed begins at a time.
func TestFollowFromATime(t *testing.T) {
	c, s := scripted(t, 0,
		answer{status: 200, body: `{"records":[{"$seq":5,"data_preview":"1","data_bytes":9}],"from_seq":4,"next_from_seq":5,"head_seq":6,"earliest_seq":1}`},
		answer{status: 200, body: `{"records":[{"$seq":6,"data":6}],"next_from_seq":6,"head_seq":6,"earliest_seq":1,"caught_up":true}`},
	)
	var got []string
	for e, err := range c.Follow(t.Context(), "t", Query{FromTime: new(int64(8)), PreviewBytes: 1, Untouched: true}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, short(e))
		if len(got) == 3 {
			break
		}
	}
	if strings.Join(got, ", ") != "t5, t6, t end 6" {
		t.Errorf("got %v", got)
	}
	const rest = `"include_tags":false,"include_meta":true,"preview_bytes":1,"touch":false}`
	if s.bodies[0] != `{"from_ts":8,`+rest || s.bodies[1] != `{"from_seq":5,`+rest {
		t.Errorf("asked %q", s.bodies)
	}
}

// A watch that begins at a time, cuts data and touches nothing goes on from where it
// was when its session is forgotten.
func TestWatchFromATime(t *testing.T) {
	f := newWatched()
	f.write("a", 2)
	c := watch(t, f, Options{})
	for e, err := range c.Watch(t.Context(), Watch{
		Topics: map[string]Start{"a": {From: 7, Tail: true, FromTime: new(int64(8))}}, Prefixes: map[string]Start{"b": {FromTime: new(int64(9))}},
		PreviewBytes: 4, Untouched: true,
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if short(e) == "a end 2" {
			break
		}
	}
	const rest = `"include_meta":true,"include_tags":false,"include_data":true,"preview_bytes":4,"touch":false}`
	if want := `{"topics":{"a":{"from_ts":8}},"prefixes":{"b":{"from_ts":9}},` + rest; f.created[0] != want {
		t.Errorf("asked for %s, want %s", f.created[0], want)
	}
	again := newSession(c, &Watch{Topics: map[string]Start{"a": {FromTime: new(int64(8))}}, PreviewBytes: 4, Untouched: true}, nil)
	again.begun, again.cursors = true, map[string]uint64{"a": 2}
	if err := again.create(context.Background()); err != nil {
		t.Fatal(err)
	}
	if want := `{"topics":{"a":{"from_seq":2}},` + rest; f.created[1] != want {
		t.Errorf("asked again for %s, want %s", f.created[1], want)
	}
}

// A read from a time on, that cuts data and touches nothing.
func TestLooking(t *testing.T) {
	c, s := scripted(t, 0, answer{status: 200, body: `{"topic":"t","records":[{"$seq":5,"$ts":9,"data_preview":"{\"a\"","data_bytes":70}],"from_seq":4,"next_from_seq":5,"head_seq":5,"earliest_seq":1,"caught_up":true,"tombstone":null,"lag":0}`})
	b, err := c.Diff(t.Context(), "t", Query{From: 7, FromTime: new(int64(8)), PreviewBytes: 4, Untouched: true, Limit: 1})
	if err != nil || b.From == nil || *b.From != 4 || len(b.Records) != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	if r := b.Records[0]; r.Preview != `{"a"` || r.DataBytes != 70 || r.Data != nil {
		t.Errorf("%+v", r)
	}
	if want := `{"from_ts":8,"limit":1,"include_tags":false,"include_meta":true,"preview_bytes":4,"touch":false}`; s.bodies[0] != want {
		t.Errorf("asked %s, want %s", s.bodies[0], want)
	}
}
