package recovery_test

import (
	"context"
	"errors"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// route makes a router that takes every job out of the queue, and one that brings
// others in. It returns false if the disk failed that.
func (s *queueSim) route() bool {
	ctx, r := context.Background(), s.data.Registry
	_, err := r.Put(ctx, "in", &record.ConfigPatch{Durability: &s.class})
	if s.dead(err) {
		return false
	}
	for name, spec := range map[string]router.Spec{
		"q>out": {Source: "q", Dest: "out", CreateDest: true, Guarantee: router.ExactlyOnce},
		"in>q":  {Source: "in", Dest: "q", Guarantee: router.ExactlyOnce},
	} {
		_, err := r.Routing().PutRouter(ctx, name, spec)
		if s.dead(err) {
			return false
		}
	}
	return true
}

// arrived notes that a job was seen. One that a router brings is live from then on.
func (s *queueSim) arrived(id string) {
	s.seen[id] = true
	if s.coming[id] {
		delete(s.coming, id)
		s.jobs[id] = fateLive
	}
}

// infos returns the jobs of a state.
func (s *queueSim) infos(state queue.State) []queue.Info {
	page, err := s.data.Registry.Queues().Jobs("q", state, 0, 10_000)
	if err != nil {
		s.t.Fatal(err)
	}
	return page.Jobs
}

var everyState = []queue.State{queue.Ready, queue.Blocked, queue.Delayed, queue.InFlight}

// keys returns the unique keys of the live jobs with their seqs, and holds that none
// is there twice.
func (s *queueSim) keys() map[string]uint64 {
	keys := map[string]uint64{}
	for _, state := range everyState {
		for _, i := range s.infos(state) {
			if i.Key == "" {
				continue
			}
			if other, twice := keys[i.Key]; twice {
				s.t.Fatalf("key %s is that of jobs %d and %d", i.Key, other, i.Seq)
			}
			keys[i.Key] = i.Seq
		}
	}
	return keys
}

// deduped holds which records of a write were not appended, by the keys that were live
// before it.
func (s *queueSim) deduped(w *topic.Write, out *topic.Written, live map[string]uint64) {
	for i := range w.Records {
		j, err := record.DecodeJob(w.Records[i].Job)
		if err != nil {
			s.t.Fatal(err)
		}
		seq, was := live[string(j.Key)]
		is := was && len(j.Key) > 0
		says := out.Unique != nil && slices.Contains(out.Unique.Deduped, out.Unique.Seqs[i])
		if is != says || is && out.Unique.Seqs[i] != seq {
			s.t.Fatalf("a write with key %q of job %d was answered %+v", j.Key, seq, out.Unique)
		}
		if is {
			s.jobs[string(w.Records[i].Data)] = fateAcked // it was never there
		}
	}
}

// checkGroups holds that no two jobs of a group are in flight, and that none is which
// has an older one before it.
func (s *queueSim) checkGroups() {
	first := map[string]uint64{}
	for _, state := range everyState {
		for _, i := range s.infos(state) {
			if at, any := first[i.Group]; !any || i.Seq < at {
				first[i.Group] = i.Seq
			}
		}
	}
	for _, i := range s.infos(queue.InFlight) {
		if i.Group != "" && i.Seq != first[i.Group] {
			s.t.Fatalf("job %d of group %s is in flight, and job %d is before it", i.Seq, i.Group, first[i.Group])
		}
	}
}

// administer extends, releases or promotes some jobs.
func (s *queueSim) administer() {
	ctx, r := context.Background(), s.data.Registry
	var err error
	switch s.rng.IntN(4) {
	case 0:
		var seqs []uint64
		for seq := range s.held {
			seqs = append(seqs, seq)
		}
		slices.Sort(seqs)
		_, err = r.Queues().Extend(ctx, "q", queue.Call{Node: "w", Seqs: seqs}, int64(s.rng.IntN(500)))
	case 1:
		var seqs []uint64
		for _, i := range s.infos(queue.InFlight) {
			seqs = append(seqs, i.Seq)
			delete(s.held, i.Seq)
		}
		_, err = r.Queues().ReleaseJobs(ctx, "q", seqs)
	case 2:
		var seqs []uint64
		for _, i := range s.infos(queue.Delayed) {
			seqs = append(seqs, i.Seq)
		}
		_, err = r.Queues().PromoteJobs(ctx, "q", seqs)
	default:
		var page *jobs.DeadPage
		page, err = r.Queues().DeadLetters(ctx, "q", &jobs.DeadQuery{Limit: 1})
		if err != nil || len(page.Letters) == 0 {
			break
		}
		id := string(page.Letters[0].Data)
		s.jobs[id] = fateEnding
		_, err = r.Queues().PurgeDead(ctx, "q", &jobs.DeadSelection{Seqs: []uint64{page.Letters[0].Seq}})
		if err == nil {
			s.jobs[id] = fateAcked
		}
	}
	s.dead(err)
}

// checkRouted holds that the router took every job that was ever in the queue, also
// those that were acked before it came by, and that what the other one brings is there.
func (s *queueSim) checkRouted() {
	ctx, r := context.Background(), s.data.Registry
	for range 5 { // each round may be followed by another
		r.Forward(ctx)
	}
	s.check()
	out := map[string]bool{}
	for from := uint64(0); ; {
		b, err := r.Read(ctx, "out", &topic.Query{From: from, Limit: 1000, MaxBytes: 1 << 20})
		if e, ok := errors.AsType[*record.Error](err); ok && e.Kind == record.KindNotFound {
			break
		}
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range b.Records {
			out[string(b.Records[i].Data)] = true
		}
		from = b.NextFrom
		if from >= b.Head {
			break
		}
	}
	for id := range s.seen {
		if !out[id] {
			state, err := r.Routing().Router("q>out")
			s.t.Fatalf("%s was in the queue, and the router did not take it: %+v, %v", id, state, err)
		}
	}
}
