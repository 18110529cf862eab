package router

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/rate"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// What a router promises. One mechanism serves both: a forwarded record and
// the router's cursor are one frame of the log.
const (
	AtLeastOnce = "at_least_once"
	ExactlyOnce = "exactly_once"
)

// Spec is a router as its maker describes it.
type Spec struct {
	Source, Dest              string
	PreserveNode, PreserveTag bool
	CreateDest                bool          // create topics that do not exist
	Filter                    *record.Match // nil: all
	AllowCycle                bool
	Guarantee                 string // at_least_once, which is the default, or exactly_once
}

// Equal reports whether the two describe the same router.
func (s *Spec) Equal(o *Spec) bool {
	a, b := *s, *o
	same := (a.Filter == nil) == (b.Filter == nil) && (a.Filter == nil || *a.Filter == *b.Filter)
	a.Filter, b.Filter = nil, nil
	return same && a == b
}

// strip returns the fields that the router removes from its records.
func (s *Spec) strip() (flags byte) {
	if !s.PreserveNode {
		flags |= record.HasNode
	}
	if !s.PreserveTag {
		flags |= record.HasTag
	}
	return flags
}

// State is a router at one moment.
type State struct {
	Name      string
	Spec      Spec
	Forwarded uint64  // records
	Lag       uint64  // seqs of the source that it has not come to
	Rate      float64 // records forwarded in a second, on average over the last minute
	Condition Condition
	Blocked   string // why it is blocked or stopped, or empty
}

// Condition is whether a router goes on.
type Condition string

// A router that is blocked waits for room, and goes on when there is some. One that
// is stopped has an error that does not pass by itself; it tries again all the same.
const (
	RouterOK      Condition = "ok"
	RouterBlocked Condition = "blocked"
	RouterStopped Condition = "stopped"
)

// conditionOf returns the condition of a router that has failed with err.
func conditionOf(err error) Condition {
	if e := new(record.Error); errors.As(err, &e) {
		switch e.Kind {
		case record.KindFull, record.KindThrottled, record.KindUnavailable, record.KindNoSpace:
			return RouterBlocked
		}
	}
	return RouterStopped
}

// Router forwards a topic's records to another one. What it does is in
// forward.go.
type Router struct {
	ID           uint64
	Name         string
	Source, Dest *topic.Topic
	Cyclic       atomic.Bool // part of a cycle
	rates        rate.Place  // of what is forwarded
	Changing     wal.LSN     // end of its last change if that is not visible yet, else 0; the lock of the registry guards it

	Mu        lockorder.Mutex[lockorder.Router] // guards what follows
	Spec      Spec
	next      *Spec   // the spec in the log that is not durable yet; nil if there is none
	Visible   bool    // readers see it: its making is durable, and its end is not
	dropped   bool    // its end is in the log: it forwards nothing any more
	Cursor    uint64  // the last seq of the source that is forwarded or passed over
	Logged    uint64  // the same, as the log has it
	Done      uint64  // the same, of what can be seen at the destination
	Forwarded uint64  // records
	Applied   wal.LSN // end of the last frame that moved the cursor
	blocked   string
	condition Condition     // if blocked is not empty
	since     int64         // blocked since, Unix ms
	changed   chan struct{} // closed when done or blocked change; nil if no goroutine waits
}

// CheckName returns nil when name may name a router: a topic's name, or
// one with > in it.
func CheckName(name string) *record.Error {
	if len(name) == 0 || len(name) > record.MaxName {
		return record.Invalid("router name has %d bytes; it must have 1 to %d", len(name), record.MaxName)
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != ':' && c != '-' && c != '>') {
			return record.Invalid("router name %q must match [A-Za-z0-9][A-Za-z0-9._:>-]*", name)
		}
	}
	return nil
}

// Check checks a spec by itself, without the topics and routers that exist.
func (s *Spec) Check() error {
	for _, end := range []struct{ field, name string }{{"source", s.Source}, {"dest", s.Dest}} {
		if err := record.CheckName(end.name); err != nil {
			err.Message = end.field + ": " + err.Message
			err.Detail = map[string]any{"field": end.field}
			return err
		}
	}
	if s.Source == s.Dest {
		return record.InvalidField("dest", "is %q, as the source is; a router needs two topics", s.Dest)
	}
	if s.Guarantee == "" {
		s.Guarantee = AtLeastOnce
	}
	if s.Guarantee != AtLeastOnce && s.Guarantee != ExactlyOnce {
		return record.InvalidField("guarantee", "%q is neither %q nor %q", s.Guarantee, AtLeastOnce, ExactlyOnce)
	}
	return nil
}

func NotFound(name string) *record.Error {
	return &record.Error{
		Kind:    record.KindRouterNotFound,
		Message: fmt.Sprintf("router %q does not exist", name),
		Detail:  map[string]any{"router": name},
	}
}

// notifyLocked wakes the goroutines that wait for the router. rt.mu is held.
func (rt *Router) notifyLocked() {
	if rt.changed != nil {
		close(rt.changed)
		rt.changed = nil
	}
}

// advance notes that everything up to a seq of the source can be seen at the
// destination.
func (rt *Router) advance(through uint64) {
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	rt.Done = max(rt.Done, through)
	rt.notifyLocked()
}

// Stop ends what the router does. Readers see it until drop.
func (rt *Router) Stop() {
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	rt.dropped = true
	rt.notifyLocked()
}

func (rt *Router) stopped() bool {
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	return rt.dropped
}

// Drop ends the router for everybody.
func (rt *Router) Drop() {
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	rt.dropped, rt.Visible, rt.next = true, false, nil
	rt.notifyLocked()
}

// RespecLocked gives the router a spec whose entry ends at a position of the log, and has
// the router's cursor. Show makes readers see it. rt.Mu and the lock of the registry are
// held.
func (rt *Router) RespecLocked(spec *Spec, at wal.LSN) {
	rt.next, rt.Applied, rt.Logged, rt.Changing = spec, at, rt.Cursor, at
}

// Show makes readers see the router as the log has it, unless they are to see
// no more of it than its end.
func (rt *Router) Show(at wal.LSN) {
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	rt.Visible = true
	if rt.next != nil {
		rt.Spec, rt.next = *rt.next, nil
	}
	if rt.Changing == at {
		rt.Changing = 0
	}
}

// Moved records where a replayed frame leaves the router.
func (rt *Router) Moved(cursor uint64, applied wal.LSN) {
	rt.Cursor, rt.Logged, rt.Done, rt.Applied = cursor, cursor, cursor, applied
}

// EndLocked logs the router's end. Nothing is forwarded after it: the lock is held.
func (rt *Router) EndLocked(s *topic.Slot, now int64) (wal.Span, error) {
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	span, err := s.Append(&entry.Unroute{Router: rt.ID, TS: now}, nil)
	if err != nil {
		return wal.Span{}, err
	}
	rt.dropped = true
	rt.notifyLocked()
	return span, nil
}

// KeepsEnds reports whether a router is there, and is to stay between its ends.
func (rt *Router) KeepsEnds(spec *Spec) bool {
	return rt != nil && rt.Source.Name == spec.Source && rt.Dest.Name == spec.Dest
}

func AppendTo(s *topic.Slot, e *entry.Router, spec *Spec) (wal.Span, error) {
	var err error
	e.Spec, err = spec.Encode()
	if err != nil {
		return wal.Span{}, err
	}
	return s.Append(e, nil)
}

// Size is room for a router's entry, with the two topics that it may make.
func Size(spec *Spec) int {
	size := 5*record.MaxName + 4096
	if spec.Filter != nil {
		size += 6 * len(spec.Filter.Value) // as JSON
	}
	return size
}

// State returns the router's state at a time of the steady clock, or false if it is
// not visible.
func (rt *Router) State(now int64) (State, bool) {
	forwarding := rt.rates.Load().PerSecond(now, rate.Writes)
	rt.Source.Mu.RLock()
	head := rt.Source.Head
	rt.Source.Mu.RUnlock()
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	s := State{
		Name: rt.Name, Spec: rt.Spec, Forwarded: rt.Forwarded, Rate: forwarding,
		Condition: RouterOK, Blocked: rt.blocked,
	}
	if rt.blocked != "" {
		s.Condition = rt.condition
	}
	if head > rt.Done {
		s.Lag = head - rt.Done
	}
	return s, rt.Visible
}

// Behind returns a channel that is closed when the router has moved. It returns nil
// if the router has passed that seq of the source, or is blocked.
func (rt *Router) Behind(seq uint64) <-chan struct{} {
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	if rt.Done >= seq || rt.blocked != "" || rt.dropped || !rt.Visible {
		return nil
	}
	if rt.changed == nil {
		rt.changed = make(chan struct{})
	}
	return rt.changed
}

// Waits reports whether the router is blocked.
func (rt *Router) Waits() bool {
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	return rt.blocked != ""
}
