package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// book is what one follower has received of each topic. Repeated records must
// be the same; skipped records are an error.
type book struct {
	mu      sync.Mutex
	topics  map[string][]string // data; index i is seq i+1
	repeats int
	err     error         // the first error
	moved   chan struct{} // capacity 1; receives when a frame was taken
}

func newBook() *book {
	return &book{topics: map[string][]string{}, moved: make(chan struct{}, 1)}
}

// delivery is a frame of records, of SSE or WebSocket.
type delivery struct {
	Topic   string `json:"topic"`
	Records []struct {
		Seq  uint64          `json:"$seq"`
		Data json.RawMessage `json:"data"`
	} `json:"records"`
	FromSeq uint64 `json:"from_seq"`
	ToSeq   uint64 `json:"to_seq"`
	HeadSeq uint64 `json:"head_seq"`
}

// take records a frame.
func (b *book) take(frame []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = b.note(frame)
	}
	select {
	case b.moved <- struct{}{}:
	default:
	}
	return b.err
}

func (b *book) note(frame []byte) error {
	var d delivery
	if err := json.Unmarshal(frame, &d); err != nil {
		return fmt.Errorf("%w in %s", err, frame)
	}
	last := d.FromSeq
	for _, r := range d.Records {
		seen := b.topics[d.Topic]
		switch {
		case r.Seq <= last || r.Seq > d.ToSeq || d.ToSeq > d.HeadSeq:
			return fmt.Errorf("seq %d is out of place in %s", r.Seq, frame)
		case r.Seq > uint64(len(seen))+1:
			return fmt.Errorf("%s: seq %d after %d", d.Topic, r.Seq, len(seen))
		case r.Seq == uint64(len(seen))+1:
			b.topics[d.Topic] = append(seen, string(r.Data))
		case seen[r.Seq-1] != string(r.Data):
			return fmt.Errorf("%s: seq %d is %s now and was %s", d.Topic, r.Seq, r.Data, seen[r.Seq-1])
		default:
			b.repeats++
		}
		last = r.Seq
	}
	return nil
}

// fail records an error.
func (b *book) fail(format string, args ...any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
	select {
	case b.moved <- struct{}{}:
	default:
	}
	return b.err
}

// cursor returns the last seq received of a topic.
func (b *book) cursor(topic string) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return uint64(len(b.topics[topic]))
}

// again returns how many records were received more than once.
func (b *book) again() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.repeats
}

// names returns the topics of which records were received.
func (b *book) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.topics))
}

// await waits until the given number of records of a topic was received. Only
// one goroutine may wait at a time.
func (b *book) await(t *testing.T, topic string, records int) {
	t.Helper()
	timeout := time.After(patience)
	for {
		b.mu.Lock()
		err, n := b.err, len(b.topics[topic])
		b.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if n >= records {
			return
		}
		select {
		case <-b.moved:
		case <-timeout:
			t.Fatalf("%s: %d records were seen, want %d", topic, n, records)
		}
	}
}

// holds compares what was received of a topic with what was written: all of it,
// once, and in order.
func (b *book) holds(t *testing.T, topic string, want []string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		t.Error(b.err)
	}
	got := b.topics[topic]
	if len(got) != len(want) {
		t.Errorf("%s: %d records were seen, want %d", topic, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: seq %d is %s, want %s", topic, i+1, got[i], want[i])
		}
	}
}
