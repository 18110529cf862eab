package client

import (
	"context"
	"strings"
	"testing"
)

func TestFollowYieldsLossInItsPlace(t *testing.T) {
	c, s := scripted(t, 0,
		answer{status: 200, body: `{"records":[{"$seq":1,"data":1},{"$seq":2,"data":2}],"next_from_seq":2,"earliest_seq":1}`},
		answer{status: 200, body: `{"records":[{"$seq":9,"data":9}],"next_from_seq":9,"head_seq":9,"earliest_seq":1,"caught_up":true,"tombstone":{"gap_from":3,"gap_to":8,"reason":"crash"}}`},
		answer{status: 200, body: `{"records":[],"next_from_seq":9,"head_seq":9,"earliest_seq":1,"caught_up":true}`},
		answer{status: 200, body: `{"records":[{"$seq":10,"data":10}],"next_from_seq":10,"head_seq":10,"earliest_seq":1,"caught_up":true}`},
		answer{status: 404, body: envelope("topic_not_found")},
	)
	var got []string
	var last error
	for e, err := range c.Follow(context.Background(), "t", Query{}) {
		if last = err; err == nil {
			got = append(got, short(e))
		}
	}
	if strings.Join(got, ", ") != "t1 t2, t lost 3-8 crash, t9, t end 9, t10, t end 10" || !IsCode(last, CodeTopicNotFound) {
		t.Errorf("got %v, then %v", got, last)
	}
	for i, want := range []struct {
		from  string
		waits bool
	}{{`"from_seq":0,`, false}, {`"from_seq":2,`, false}, {`"from_seq":9,`, true}, {`"from_seq":9,`, true}, {`"from_seq":10,`, true}} {
		if b := s.bodies[i]; !strings.Contains(b, want.from) || strings.Contains(b, `"wait_ms":30000`) != want.waits {
			t.Errorf("read %d asked %s", i, b)
		}
	}
}

func TestFollowEndsWithItsLoopAndContext(t *testing.T) {
	c, s := scripted(t, 0, answer{status: 200, body: `{"records":[{"$seq":1,"data":1},{"$seq":2,"data":2}],"next_from_seq":2,"earliest_seq":1}`})
	for range c.Follow(context.Background(), "t", Query{}) {
		break
	}
	if len(s.requests) != 1 {
		t.Errorf("%d requests for a loop that was left at once", len(s.requests))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events := 0
	for _, err := range c.Follow(ctx, "t", Query{}) {
		if err != nil {
			t.Errorf("the end of the context is no error: %v", err)
		}
		events++
		cancel()
	}
	if events == 0 {
		t.Error("nothing was yielded")
	}
}
