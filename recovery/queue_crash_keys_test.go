package recovery_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// keyedWrite is a write with an idempotency key, which a client may make again at any
// time.
type keyedWrite struct {
	*topic.Write
	ids    []string
	answer string // empty while the client has none
}

// writeKeyed makes a write with an idempotency key, some of whose records have unique
// keys, or makes an earlier one again.
func (s *queueSim) writeKeyed() {
	if len(s.keyed) > 0 && s.rng.IntN(2) == 0 {
		s.repeat(s.keyed[s.rng.IntN(len(s.keyed))])
		return
	}
	k := &keyedWrite{Write: &topic.Write{IdempotencyKey: s.id()}}
	for range 1 + s.rng.IntN(3) {
		id := s.id()
		j := record.Job{}
		if s.rng.IntN(3) > 0 {
			j.Key = []byte{byte('k' + s.rng.IntN(3))}
		}
		if slices.ContainsFunc(k.Records, func(r record.Record) bool { return string(r.Job) == string(j.Encode()) }) {
			j.Key = nil
		}
		k.ids = append(k.ids, id)
		k.Records = append(k.Records, record.Record{Data: []byte(id), Job: j.Encode()})
		s.jobs[id] = fateAcked // it was never there
	}
	s.keyed = append(s.keyed, k)
	s.repeat(k)
}

// repeat makes a write that may have been made before. What its client knows of it
// holds, whatever happened to the process since and to its jobs.
func (s *queueSim) repeat(k *keyedWrite) {
	there := slices.ContainsFunc(k.ids, func(id string) bool { return s.seen[id] })
	if k.answer == "" && !there {
		for _, id := range k.ids {
			s.jobs[id] = fateDoubt
		}
	}
	live := s.keys()
	out, err := s.data.Registry.Append(context.Background(), "q", k.Write)
	if s.dead(err) {
		return
	}
	got := fmt.Sprint(out.First, out.Last, out.Count)
	if out.Unique != nil && len(out.Unique.Deduped) > 0 {
		got += fmt.Sprint(out.Unique.Seqs, out.Unique.Deduped)
	}
	switch {
	case k.answer != "" && (got != k.answer || !out.Deduped):
		s.t.Fatalf("the write with key %s was answered %s, deduped %v, and before %s", k.IdempotencyKey, got, out.Deduped, k.answer)
	case there && !out.Deduped:
		s.t.Fatalf("the write with key %s is there, and was made again: %s", k.IdempotencyKey, got)
	}
	k.answer = got
	if out.Deduped {
		return
	}
	for _, id := range k.ids {
		s.jobs[id] = fateLive
	}
	s.deduped(k.Write, &out, live)
}
