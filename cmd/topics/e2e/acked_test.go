package e2e

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// acked is what a topic has acknowledged across the boots of a server: the data
// by seq.
type acked struct {
	topic string

	mu     sync.Mutex
	data   map[uint64]string
	reused bool
}

func newAcked(topic string) *acked { return &acked{topic: topic, data: map[uint64]string{}} }

// write appends one record of about the given size that compresses little. It
// returns the error if the record was not acknowledged.
func (a *acked) write(t *testing.T, c *client.Client, size int) error {
	noise := make([]byte, size/2)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	data := fmt.Sprintf("%q", hex.EncodeToString(noise))
	w, err := c.Append(context.Background(), a.topic, &client.Write{Entries: []client.Entry{{Data: []byte(data)}}})
	if err != nil {
		return err
	}
	a.note(t, w.FirstSeq, data)
	return nil
}

// note notes a record that was acknowledged. A repeat may be acknowledged again, at the
// same seq.
func (a *acked) note(t *testing.T, seq uint64, data string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if is, given := a.data[seq]; given && is != data && !a.reused {
		t.Errorf("%s: seq %d was given to a second record", a.topic, seq)
		a.reused = true // once is sufficient
	}
	a.data[seq] = data
}

// delete deletes the records below a seq.
func (a *acked) delete(t *testing.T, c *client.Client, before uint64) {
	t.Helper()
	if _, err := c.DeleteRecords(context.Background(), a.topic, client.Deletion{Before: &before}); err != nil {
		t.Fatalf("delete from %s: %v", a.topic, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for seq := range a.data {
		if seq < before {
			delete(a.data, seq)
		}
	}
}

// count returns the number of promised records.
func (a *acked) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.data)
}

// check reads the topic and holds that every acknowledged record exists with
// its bytes, or, with tombstones, is in a tombstone.
func (a *acked) check(t *testing.T, c *client.Client, tombstones bool) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	got, gone := map[uint64]string{}, map[uint64]bool{}
	for q := (client.Query{Limit: 1000, MaxBytes: 8 << 20}); ; {
		b, err := c.Diff(context.Background(), a.topic, q)
		if err != nil {
			t.Errorf("read %s after %d: %v", a.topic, q.From, err)
			return
		}
		if s := b.Tombstone; s != nil {
			for seq := range a.data {
				gone[seq] = gone[seq] || s.GapFrom <= seq && seq <= s.GapTo
			}
		}
		for _, r := range b.Records {
			got[r.Seq] = string(r.Data)
		}
		if q.From = b.NextFrom; b.CaughtUp {
			break
		}
	}
	missing := 0
	for seq, data := range a.data {
		switch is, there := got[seq]; {
		case there && is != data:
			t.Errorf("%s: seq %d has other bytes than were acknowledged", a.topic, seq)
		case !there && tombstones && gone[seq]:
		case !there:
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%s: %d of %d acknowledged records are gone, and no tombstone stands for them", a.topic, missing, len(a.data))
	}
}

// statusOf returns the status of an answer that is an error, or 0.
func statusOf(err error) int {
	var answer *client.Error
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.Status
}
