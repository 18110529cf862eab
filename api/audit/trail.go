// Package audit has the trail of what was done and by whom: it writes an entry for each
// call that changed something, or tried to, and for each read of an administrator, and
// shows the last ones.
package audit

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

const (
	// Kept is how many entries are kept for the route that shows them. So many reads are
	// kept beside them, so that a console does not push out what was changed.
	Kept = 1000
	// MaxTarget is the most of a target that an entry has, in bytes.
	MaxTarget = 256
	// Row is about the memory that an entry takes in an answer.
	Row = 4 << 10
	// StrangerLines is how many entries a second are made for callers without
	// a known key. The rest are counted.
	StrangerLines = 10
)

// Entry is the account of a call.
type Entry struct {
	Time    int64   `json:"ts"`
	Key     string  `json:"key"` // its id; anonymous: there was none
	Remote  string  `json:"remote"`
	Route   string  `json:"route"`
	Target  string  `json:"target"`  // the name in the path, else server
	Outcome string  `json:"outcome"` // ok, or the error's code
	TookMS  float64 `json:"took_ms"`
	// Suppressed is how many entries were left out before this one: of strangers, or
	// of reads, those of the same read within a minute.
	Suppressed int64 `json:"suppressed,omitempty"`

	named  bool   // Target is the name of a topic or router
	late   bool   // it is a read that waited for the end of a minute
	number uint64 // counts all entries
}

// Trail writes entries to its log, whatever the log's level, and keeps the last ones.
type Trail struct {
	log    zerolog.Logger
	now    func() time.Time
	bounds *call.Bounds // which keys are known

	mu         sync.Mutex // guards what follows; the log is written without it
	number     uint64     // of the last entry
	changes    ring       // calls that changed something or tried to, and reads that were refused because of their key
	reads      ring       // the others
	repeats    repeats
	ended      bool      // reads do not wait any more
	second     time.Time // the one that strangers are counted in
	strangers  int       // entries of strangers in that second
	suppressed int64     // entries left out since the last one of a stranger
}

// New returns a trail that writes to a log. bounds may be set later.
func New(log zerolog.Logger, now func() time.Time, bounds *call.Bounds) *Trail {
	log = log.With().Str(zerolog.LevelFieldName, "info").Logger().Level(zerolog.TraceLevel)
	return &Trail{log: log, now: now, bounds: bounds}
}

// audited reports whether the call is one for the trail: those that change
// something, whatever became of them, but not dry runs; writes that bring a config; and
// all reads of administrators.
func audited(c *call.Call) bool {
	return c.Route.Changes() && !c.Dry || c.Configures || c.Route.Kind == call.AdminRead
}

// Answered puts a call that has been answered on the trail, if it is one for it.
func (t *Trail) Answered(c *call.Call) {
	if audited(c) {
		t.Note(c, c.Topic, c.Code, c.Start)
	}
}

// Note puts something that a call did on the trail: to a target, empty for the
// server, with a code, empty if it was done, begun at a time.
func (t *Trail) Note(c *call.Call, target, code string, began time.Time) {
	now := t.now()
	e := Entry{
		Time: now.UnixMilli(), Key: c.Key.ID, Remote: c.Request.RemoteAddr, Route: c.Route.Method + " " + c.Route.Pattern,
		Target:  strings.Clone(target[:min(len(target), MaxTarget)]), // not a part of a long request line, which it would keep
		Outcome: code,
		TookMS:  float64(time.Since(began).Microseconds()) / 1000, named: target != "",
	}
	if !e.named {
		e.Target = "server"
	}
	if e.Outcome == "" {
		e.Outcome = "ok"
	}
	admitted, due := t.admit(&e, now, c)
	t.writeAll(due)
	if admitted {
		t.write(&e)
	}
}

// Keep writes the reads that wait for the end of a minute when it is over, until ctx ends.
// Then it writes all of them, and from then on each read is written when it has been
// answered, even if it repeats another. Keep may run once. Without it the reads are written
// with the next call that is noted, or when the trail is listed.
func (t *Trail) Keep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.sweep()
		case <-ctx.Done():
			t.end()
			return
		}
	}
}

// sweep puts the reads whose minute is over on the trail.
func (t *Trail) sweep() {
	now := t.now()
	t.mu.Lock()
	due := t.repeats.over(now)
	t.addLocked(due)
	t.mu.Unlock()
	t.writeAll(due)
}

// end puts all reads that wait on the trail.
func (t *Trail) end() {
	t.mu.Lock()
	t.ended = true
	due := t.repeats.end()
	t.addLocked(due)
	t.mu.Unlock()
	t.writeAll(due)
}

// addLocked keeps entries of reads.
func (t *Trail) addLocked(reads []Entry) {
	for i := range reads {
		t.number++
		reads[i].number = t.number
		t.reads.add(&reads[i])
	}
}

func (t *Trail) writeAll(entries []Entry) {
	for i := range entries {
		t.write(&entries[i])
	}
}

// write writes an entry to the log.
func (t *Trail) write(e *Entry) {
	line := t.log.Log().Str("key", e.Key).Str("remote", e.Remote).Str("route", e.Route).
		Str("target", e.Target).Str("outcome", e.Outcome).Float64("took", e.TookMS)
	if e.Suppressed > 0 {
		line.Int64("suppressed", e.Suppressed)
	}
	if e.late {
		line.Time("at", time.UnixMilli(e.Time))
	}
	line.Msg("audit")
}

// admit keeps an entry, unless there are too many of strangers or it is a repeated read,
// which waits. First it keeps the reads that are due, which are to be written.
func (t *Trail) admit(e *Entry, now time.Time, c *call.Call) (admitted bool, due []Entry) {
	refused := c.Status == http.StatusUnauthorized || c.Status == http.StatusForbidden
	isRead := c.Route.Kind == call.AdminRead && !refused
	t.mu.Lock()
	defer t.mu.Unlock()
	due = t.repeats.over(now)
	t.addLocked(due)
	switch {
	case !t.bounds.Keys().Knows(c.Key):
		if !t.admitStrangerLocked(e, now) {
			return false, due
		}
	case isRead && !t.ended && t.repeats.fold(e, now):
		return false, due
	}
	t.number++
	e.number = t.number
	if isRead {
		t.reads.add(e)
	} else {
		t.changes.add(e)
	}
	return true, due
}

// admitStrangerLocked reports whether an entry of a caller without a known key is kept.
func (t *Trail) admitStrangerLocked(e *Entry, now time.Time) bool {
	if age := now.Sub(t.second); age < 0 || age >= time.Second {
		t.second, t.strangers = now, 0
	}
	if t.strangers++; t.strangers > StrangerLines {
		t.suppressed++
		return false
	}
	e.Suppressed, t.suppressed = t.suppressed, 0
	return true
}

// count returns the number of entries that can be shown, with reads or without.
func (t *Trail) count(reads bool) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.changes.entries)
	if reads {
		n = min(n+len(t.reads.entries), Kept)
	}
	return n
}

// last returns the newest of the last entries, those that may be seen, the newest first.
func (t *Trail) last(n int, reads bool, seen func(*Entry) bool) []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Entry, 0, n)
	for looked, changes := 0, 0; looked < Kept && len(out) < n; looked++ {
		e := t.changes.newest(changes)
		if reads {
			if r := t.reads.newest(looked - changes); r != nil && (e == nil || r.number > e.number) {
				e = r
			}
		}
		switch {
		case e == nil:
			return out
		case e == t.changes.newest(changes):
			changes++
		}
		if seen(e) {
			out = append(out, *e)
		}
	}
	return out
}

// List answers the last entries, with those of reads unless reads=false. A key that is bound to prefixes sees its
// own, and those about names that it sees.
func (t *Trail) List(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	limit := p.Size("limit")
	if !p.Has("limit") {
		limit = wire.DefaultPage
	} else if limit == 0 {
		p.Refuse("limit", "must be at least 1")
	}
	reads := p.Bool("reads", true)
	if p.Err() != nil {
		return p.Err()
	}
	t.sweep()
	most := min(int(limit), t.count(reads))
	if err := c.Take(call.BeyondFirst(most * Row)); err != nil {
		return err
	}
	entries := t.last(most, reads, func(e *Entry) bool { return maySee(c.Key, e) })
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, struct {
		Entries []Entry `json:"entries"`
	}{entries})
	return nil
}

func maySee(key *auth.Key, e *Entry) bool {
	return key.SeesAll() || e.Key == key.ID || e.named && key.Sees(e.Target)
}
