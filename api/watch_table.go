package api

import (
	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/wire"
)

// of returns the ids of the sessions whose keys are asked for, in no order.
func (t *watches) of(asked func(*auth.Key) bool) (ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, w := range t.all {
		if asked(w.key) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Views are the sessions in the table of the keys that are asked for, in no
// order.
func (t *watches) Views(of func(*auth.Key) bool) []session.View {
	t.mu.Lock()
	views := make([]session.View, 0, len(t.all))
	sessions := make([]*watchSession, 0, len(t.all))
	for _, w := range t.all {
		if !of(w.key) {
			continue
		}
		v := session.View{
			ID: w.id, Kind: "watch", Key: w.key.ID, Remote: w.remote, Transport: "none", Opened: w.opened.UnixMilli(),
			Since: w.opened, Subject: w,
		}
		if w.stream != nil {
			v.Streaming, v.Transport = true, "sse"
		}
		if w.idle != nil {
			v.IdleUntil = new(w.until.UnixMilli())
		}
		v.Carry(&w.flow)
		views, sessions = append(views, v), append(sessions, w)
	}
	t.mu.Unlock()
	for i, w := range sessions {
		_, views[i].Prefixes = w.Size()
	}
	return views
}

// End ends the session with an id, if it is of a key that is asked for, with a cause.
func (t *watches) End(id string, of func(*auth.Key) bool, cause *wire.Error) bool {
	return t.remove(id, of, cause)
}

// Revoke ends the sessions of the keys that are gone.
func (t *watches) Revoke(gone func(*auth.Key) bool) {
	for _, id := range t.of(gone) {
		t.remove(id, gone, call.ErrRevoked)
	}
}

// EndStalled ends the streams whose clients take nothing.
func (t *watches) EndStalled() {
	for _, st := range t.streams() {
		if st.sending.Stalled() {
			st.end(session.NoMemory())
		}
	}
}

// streams are those that are open.
func (t *watches) streams() (open []*eventStream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.all {
		if w.stream != nil {
			open = append(open, w.stream)
		}
	}
	return open
}
