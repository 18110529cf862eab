package queue

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// tape is a topic's live records, as far as a queue asks.
type tape struct {
	live []bool // by seq
	came []int64
	n    int64
}

func (r *tape) Live(seq uint64) bool  { return seq < uint64(len(r.live)) && r.live[seq] }
func (r *tape) Count() int64          { return r.n }
func (r *tape) Came(seq uint64) int64 { return r.came[seq] }
func (r *tape) head() uint64          { return uint64(max(len(r.live), 1) - 1) }

func (r *tape) Next(after uint64) (uint64, bool) {
	for seq := after + 1; seq < uint64(len(r.live)); seq++ {
		if r.live[seq] {
			return seq, true
		}
	}
	return 0, false
}

func (r *tape) add(at int64, count int) (first uint64) {
	if len(r.live) == 0 {
		r.live, r.came = append(r.live, false), append(r.came, 0)
	}
	first = uint64(len(r.live))
	for range count {
		r.live, r.came = append(r.live, true), append(r.came, at)
	}
	r.n += int64(count)
	return first
}

func (r *tape) remove(seq uint64) {
	if r.Live(seq) {
		r.live[seq] = false
		r.n--
	}
}

// world is a topic that drives a queue as doc.go says.
type world struct {
	t     rapid.TB
	tape  *tape
	q     *Queue
	now   Time
	first Config
	log   []func(r *tape, q *Queue) // what a replay does
	full  bool                      // the dead-letter topic takes nothing
	moved []Changed                 // to the dead-letter topic
}

var epoch uint64 // of the queue opened last

func options(r *tape, c Config) Options {
	epoch++
	return Options{Config: c, Records: r, Epoch: epoch, Seed: 7}
}

func newWorld(t rapid.TB, c Config) *world {
	w := &world{t: t, first: c, tape: &tape{}, now: Time{1000, 1_000_000}}
	w.q = Open(options(w.tape, c))
	return w
}

// config is the default one, changed.
func config(change func(*Config)) Config {
	c := DefaultConfig()
	if change != nil {
		change(&c)
	}
	return c
}

// pass lets ms pass and serves.
func (w *world) pass(ms int64) []Grant {
	w.now.Mono += ms
	w.now.Wall += ms
	return w.serve()
}

// catchUp lets the queue apply all that time has brought.
func (w *world) catchUp() {
	caughtUp(w.q, w.now)
}

func caughtUp(q *Queue, now Time) *Queue {
	for q.Advance(now); q.behind(now); {
		q.Advance(now)
	}
	return q
}

// did runs what a replay would run, and notes it.
func (w *world) did(entry func(r *tape, q *Queue)) {
	entry(w.tape, w.q)
	w.log = append(w.log, entry)
}

func (w *world) write(jobs ...Written) (first uint64) {
	at := w.now
	first = max(w.tape.head(), 0) + 1
	w.placeWrite(at, first, jobs)
	return first
}

func (w *world) placeWrite(at Time, first uint64, jobs []Written) {
	for i := range jobs {
		jobs[i].Seq = first + uint64(i)
	}
	w.did(func(r *tape, q *Queue) {
		r.add(at.Mono, len(jobs))
		q.Write(at, first, len(jobs), jobs)
	})
}

// commit applies a change, and logs it where doc.go says so.
func (w *world) commit(c *Change) {
	if c == nil {
		return
	}
	fact := *c
	fact.stream = nil
	entry := func(r *tape, q *Queue) {
		q.Apply(&fact)
		if fact.Kind == Ack || fact.Kind == Bury {
			for _, seq := range fact.Seqs() {
				r.remove(seq)
			}
		}
	}
	w.q.Apply(c)
	if c.Kind == Ack || c.Kind == Bury {
		for _, seq := range c.Seqs() {
			w.tape.remove(seq)
		}
	}
	if c.Kind == Ack || c.Kind == Bury || c.Kind == Promote || w.q.cfg.LeasesDurable {
		w.log = append(w.log, entry)
	}
	if c.Kind == Bury {
		w.moved = append(w.moved, c.Jobs...)
	}
}

// serve drives the queue until nothing happens any more.
func (w *world) serve() (all []Grant) {
	for {
		grants := w.q.Serve(w.now)
		for _, g := range grants {
			w.commit(g.Claimed)
		}
		all = append(all, grants...)
		if c := w.q.Bury(w.now, 100); c != nil && w.full {
			w.q.Abort(c)
		} else if c != nil {
			w.commit(c)
		} else if len(grants) == 0 && !w.q.behind(w.now) {
			return all
		}
	}
}

// claim asks without waiting, and returns the seqs. The last claim that got some is
// in last.
func (w *world) claim(node string, most int) *Change {
	claim := w.q.Wait(w.now, Request{Node: node, Max: most})
	for _, g := range w.serve() {
		if g.Waiter == claim && g.Claimed != nil {
			return g.Claimed
		}
	}
	return &Change{}
}

func (w *world) lease(node string, ms int64) *Change {
	claim := w.q.Wait(w.now, Request{Node: node, Max: 1, LeaseMS: ms})
	for _, g := range w.serve() {
		if g.Waiter == claim && g.Claimed != nil {
			return g.Claimed
		}
	}
	return &Change{}
}

// claims holds what a claim gets.
func (w *world) claims(node string, most int, want ...uint64) *Change {
	w.t.Helper()
	c := w.claim(node, most)
	if got := c.Seqs(); !slices.Equal(got, want) {
		w.t.Fatalf("claimed %v, want %v", got, want)
	}
	return c
}

// does commits what was judged, and holds which seqs that is and what was skipped.
func (w *world) does(c *Change, skips []Skip, want string) {
	w.t.Helper()
	var seqs []uint64
	if c != nil {
		seqs = c.Seqs()
	}
	w.commit(c)
	w.serve()
	if got := fmt.Sprint(seqs, skips); got != want {
		w.t.Fatalf("did and skipped %s, want %s", got, want)
	}
}

func (w *world) ack(node string, seqs ...uint64) (*Change, []Skip) {
	return w.q.Ack(w.now, Call{Node: node, Seqs: seqs})
}

func (w *world) nack(node string, r Return, seqs ...uint64) (*Change, []Skip) {
	return w.q.Nack(w.now, Call{Node: node, Seqs: seqs}, r)
}

// counts holds ready, blocked, delayed and in flight.
func (w *world) counts(ready, blocked, delayed, inFlight int64) {
	w.t.Helper()
	c := w.q.Counts(w.now)
	if got, want := [4]int64{c.Ready, c.Blocked, c.Delayed, c.InFlight}, [4]int64{ready, blocked, delayed, inFlight}; got != want {
		w.t.Fatalf("ready, blocked, delayed, in flight are %v, want %v", got, want)
	}
	if sum := c.Ready + c.Blocked + c.Delayed + c.InFlight; sum != w.tape.n {
		w.t.Fatalf("the states add up to %d, live are %d", sum, w.tape.n)
	}
}

// listed is all jobs of all states, in a form to compare.
func listed(q *Queue, now Time, since bool) (all []string) {
	for _, s := range []State{Ready, Blocked, Delayed, InFlight} {
		for after := uint64(0); ; {
			p := q.List(now, s, after, 7)
			for _, i := range p.Jobs {
				if !since || i.Group != "" { // when a group opened is not kept
					i.Since = 0
				}
				all = append(all, fmt.Sprintf("%+v", i))
			}
			after = p.Next
			if after == 0 {
				break
			}
		}
	}
	return all
}

// replayed is a queue made by the log alone.
func (w *world) replayed() (*tape, *Queue) {
	r := &tape{}
	q := Open(options(r, w.first))
	q.limit = w.q.limit
	for _, entry := range w.log {
		entry(r, q)
	}
	q.Restart()
	return r, caughtUp(q, w.now)
}

// restored is a queue made by a snapshot of the present one.
func (w *world) restored() (*tape, *Queue) {
	r := &tape{live: slices.Clone(w.tape.live), came: slices.Clone(w.tape.came), n: w.tape.n}
	q, err := Restore(options(r, w.q.cfg), w.q.Snapshot(nil, w.now, w.tape.head()), w.tape.head(), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	q.Restart()
	return r, caughtUp(q, w.now)
}

// bulk writes n jobs, and has no log of it.
func (w *world) bulk(n int, job func(i int) Written) {
	for at := 0; at < n; at += 1000 {
		first := w.tape.add(w.now.Mono, min(n-at, 1000))
		var jobs []Written
		for i := at; i < min(n, at+1000); i++ {
			j := job(i)
			j.Seq = first + uint64(i-at)
			jobs = append(jobs, j)
		}
		w.q.Write(w.now, first, len(jobs), jobs)
	}
	w.log = nil
}
