package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// queueSim works a queue through crashes, and holds that each job is in exactly
// one place: in the queue, among the dead letters, or acked.
type queueSim struct {
	t    *testing.T
	rng  *rand.Rand
	fs   *crashfs.FS
	inj  *errfs.Injector // nil if the disk is sound
	boot int
	now  int64
	data *recovery.Recovered

	class   string
	durable bool
	next    int
	jobs    map[string]jobFate
	held    map[uint64]string // by seq, what the worker holds in this life
	coming  map[string]bool   // written to the source of a router, and not seen in the queue
	seen    map[string]bool   // seen in the queue or among the dead letters
	keyed   []*keyedWrite     // writes with idempotency keys
	told    bool              // a call had an error of the disk
}

// jobFate is what is known of a job.
type jobFate int

const (
	fateLive   jobFate = iota
	fateAcked          // for good
	fateDoubt          // written, or not
	fateEnding         // an ack was not answered

)

// newQueueSim returns a simulation on an empty disk.
func newQueueSim(t *testing.T, rng *rand.Rand) *queueSim {
	return &queueSim{
		t: t, rng: rng, fs: crashfs.New(), now: simEpoch, jobs: map[string]jobFate{},
		coming: map[string]bool{}, seen: map[string]bool{},
		class: "fsync", durable: rng.IntN(2) == 0,
	}
}

// up starts a life. It returns false if the disk failed that.
func (s *queueSim) up() bool {
	fsys := vfs.FS(s.fs)
	if s.inj != nil {
		fsys = errfs.New(s.fs, s.inj)
	}
	data, err := recovery.Run(context.Background(), options(fsys, s.boot, func() int64 { return s.now }))
	if s.dead(err) {
		return false
	}
	s.data, s.held = data, map[uint64]string{}
	_, err = data.Registry.Put(context.Background(), "q", &record.ConfigPatch{
		Type: new("queue"), Durability: &s.class, LeasesDurable: &s.durable, DeadLetter: new(new("dead")),
		MaxDeliveries: new(int64(4)), RetryBackoffMS: new(int64(50)),
	})
	return !s.dead(err) && s.route()
}

// dead reports whether the process has crashed, or a call was told that the disk
// failed: either excuses an error.
func (s *queueSim) dead(err error) bool {
	failed := s.inj != nil && errors.Is(err, errfs.ErrInjected)
	if err != nil && !s.fs.Crashed() && !failed {
		s.t.Fatal(err)
	}
	s.told = s.told || failed
	return s.fs.Crashed() || failed
}

func (s *queueSim) id() string {
	s.next++
	return fmt.Sprint("job-", s.next)
}

func (s *queueSim) step() {
	ctx, r := context.Background(), s.data.Registry
	switch n := s.rng.IntN(100); {
	case n < 12:
		s.writeKeyed()
	case n < 25:
		w := &topic.Write{}
		var ids []string
		for range 1 + s.rng.IntN(3) {
			id := s.id()
			ids = append(ids, id)
			j := record.Job{Priority: int8(s.rng.IntN(3))}
			if s.rng.IntN(2) == 0 {
				j.Group = []byte{byte('a' + s.rng.IntN(3))}
			}
			if s.rng.IntN(4) == 0 {
				j.Due = s.now + int64(s.rng.IntN(300))
			}
			if len(ids) == 1 && s.rng.IntN(3) == 0 {
				j.Key = []byte{byte('k' + s.rng.IntN(3))}
			}
			w.Records = append(w.Records, record.Record{Data: []byte(id), Job: j.Encode()})
			s.jobs[id] = fateDoubt
		}
		live := s.keys()
		if out, err := r.Append(ctx, "q", w); !s.dead(err) {
			for _, id := range ids {
				s.jobs[id] = fateLive
			}
			s.deduped(w, &out, live)
		}
	case n < 55:
		c, err := r.Queues().Claim(ctx, "q", &jobs.Claim{Node: "w", Max: 1 + s.rng.IntN(4), LeaseMS: 200})
		if s.dead(err) {
			return
		}
		for i := range c.Jobs {
			id := string(c.Jobs[i].Data)
			s.held[c.Jobs[i].Seq] = id
			s.arrived(id)
			if s.jobs[id] != fateLive {
				s.t.Fatalf("claimed %s, whose fate is %d", id, s.jobs[id])
			}
		}
		s.checkGroups()
	case n < 75:
		s.ack()
	case n < 88:
		for seq := range s.held {
			call := queue.Call{Node: "w", Seqs: []uint64{seq}}
			_, err := r.Queues().Nack(ctx, "q", call, queue.Return{Dead: s.rng.IntN(3) == 0, Unstarted: s.rng.IntN(3) == 0})
			s.dead(err)
			delete(s.held, seq)
			break
		}
	case n < 90:
		s.now += int64(s.rng.IntN(300))
		r.Queues().Tend(ctx)
	case n < 92:
		_, err := r.Queues().ReplayDead(ctx, "q", &jobs.DeadSelection{})
		s.dead(err)
	case n < 94:
		id := s.id()
		s.coming[id] = true
		s.jobs[id] = fateDoubt
		_, err := r.Append(ctx, "in", &topic.Write{Records: []record.Record{{Data: []byte(id)}}})
		s.dead(err)
	case n < 96:
		r.Forward(ctx)
	case n < 98:
		s.administer()
	default:
		_, err := s.data.Checkpoint(ctx)
		switch s.rng.IntN(4) {
		case 0, 1:
			if err == nil {
				err = s.data.Compact(ctx)
			}
		case 2:
			if err == nil {
				_, err = s.data.Erase(ctx)
			}
		}
		s.dead(err)
	}
}

// ack ends some jobs; now and then with a job that follows.
func (s *queueSim) ack() {
	call := queue.Call{Node: "w"}
	for seq := range s.held {
		call.Seqs = append(call.Seqs, seq)
		if len(call.Seqs) == 3 {
			break
		}
	}
	if len(call.Seqs) == 0 {
		return
	}
	var then []jobs.Then
	follows := ""
	if s.rng.IntN(3) == 0 {
		follows = s.id()
		s.jobs[follows] = fateDoubt
		then = []jobs.Then{{Topic: "q", Write: &topic.Write{Records: []record.Record{{Data: []byte(follows)}}}}}
	}
	out, err := s.data.Registry.Queues().Ack(context.Background(), "q", call, then)
	if e, ok := errors.AsType[*record.Error](err); ok && e.Kind == record.KindNothingAcked {
		s.jobs[follows] = fateAcked // it was never there
		err = nil
		out = &jobs.Result{}
	}
	if s.dead(err) {
		for _, seq := range call.Seqs {
			s.jobs[s.held[seq]] = fateEnding
			delete(s.held, seq)
		}
		return
	}
	for _, seq := range out.Done {
		s.jobs[s.held[seq]] = fateAcked
	}
	if len(out.Then) > 0 {
		s.jobs[follows] = fateLive
	}
	for _, seq := range call.Seqs {
		delete(s.held, seq)
	}
}

// check holds that each job is where it may be, once.
func (s *queueSim) check() {
	found := map[string]int{}
	r := s.data.Registry
	for _, name := range []string{"q", "dead"} {
		for from := uint64(0); ; {
			b, err := r.Read(context.Background(), name, &topic.Query{From: from, Limit: 1000, MaxBytes: 1 << 20})
			if e, ok := errors.AsType[*record.Error](err); ok && e.Kind == record.KindNotFound {
				break
			}
			if s.dead(err) {
				return
			}
			for i := range b.Records {
				id := string(b.Records[i].Data)
				found[id]++
				s.arrived(id)
			}
			if from = b.NextFrom; from >= b.Head {
				break
			}
		}
	}
	for id, fate := range s.jobs {
		n := found[id]
		switch {
		case n > 1, n == 0 && fate == fateLive, n == 1 && fate == fateAcked:
			s.t.Fatalf("%s is there %d times, its fate is %d", id, n, fate)
		case n == 1:
			s.jobs[id] = fateLive
		case s.coming[id]:
		default:
			s.jobs[id] = fateAcked
		}
	}
	s.keys()
	s.checkGroups()
	state, err := r.State("q", false)
	if s.dead(err) {
		return
	}
	c := state.Queue
	if c.Ready+c.Blocked+c.Delayed+c.InFlight != state.Count {
		s.t.Fatalf("%+v of %d records", c, state.Count)
	}
	if !s.durable && c.InFlight > 0 && len(s.held) == 0 {
		s.t.Fatalf("%+v after a restart", c)
	}
}

// TestQueueCrashes ends the process anywhere: a job is in one place, and one that
// was acked never comes back.
func TestQueueCrashes(t *testing.T) {
	n := *seeds
	for seed := range uint64(n) {
		if *oneSeed > 0 {
			seed = *oneSeed
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 41))
			s := newQueueSim(t, rng)
			power := rng.IntN(3) > 0
			if !power {
				s.class = "disk"
			}
			for range 6 {
				s.up()
				s.check()
				s.fs.CrashAfter(-1)
				if rng.IntN(3) > 0 {
					s.fs.CrashAfter(rng.IntN(120))
				}
				for range 60 {
					if s.step(); s.fs.Crashed() {
						break
					}
				}
				if !s.fs.Crashed() && rng.IntN(2) == 0 {
					s.check()
				}
				if !s.fs.Crashed() && rng.IntN(3) == 0 {
					s.fs.CrashAfter(-1)
					if err := s.data.Close(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				if power {
					s.fs = s.fs.Crash(rng)
					s.boot++
				} else {
					s.fs = s.fs.Kill()
				}
				s.now += int64(rng.IntN(500))
			}
			s.up()
			s.check()
			s.checkRouted()
		})
		if *oneSeed > 0 {
			break
		}
	}
}
