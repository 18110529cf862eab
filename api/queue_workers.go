package api

import (
	"crypto/rand"
	"encoding/base64"
	"sync"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/wire"
)

// workers is the streams of jobs that are open.
type workers struct {
	mu   sync.Mutex // guards open
	open map[*workStream]struct{}
}

func (set *workers) enter(w *workStream) {
	set.mu.Lock()
	defer set.mu.Unlock()
	if set.open == nil {
		set.open = make(map[*workStream]struct{})
	}
	set.open[w] = struct{}{}
}

// leave takes a stream out, and its connection from it: whoever has found the stream
// before may still end it, when the connection is another request's.
func (set *workers) leave(w *workStream) {
	set.mu.Lock()
	delete(set.open, w)
	set.mu.Unlock()
	w.leave()
}

// list is the open ones, in no order.
func (set *workers) list() []*workStream {
	set.mu.Lock()
	defer set.mu.Unlock()
	all := make([]*workStream, 0, len(set.open))
	for w := range set.open {
		all = append(all, w)
	}
	return all
}

func (set *workers) count() int64 {
	set.mu.Lock()
	defer set.mu.Unlock()
	return int64(len(set.open))
}

// newWorkID makes the name that administrators know a stream of jobs by.
func newWorkID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	return "work_" + base64.RawURLEncoding.EncodeToString(raw[:])
}

// Views are the streams of the keys that are asked for, in no order.
func (set *workers) Views(of func(*auth.Key) bool) (views []session.View) {
	for _, w := range set.list() {
		if of(w.key) {
			v := session.View{
				ID: w.id, Kind: "work", Key: w.key.ID, Remote: w.remote, Transport: "sse", Opened: w.opened.UnixMilli(),
				Streaming: true, Since: w.opened, Subject: w,
			}
			v.Carry(w.flow)
			views = append(views, v)
		}
	}
	return views
}

// End ends the stream with an id, if it is of a key that is asked for, with a
// cause.
func (set *workers) End(id string, of func(*auth.Key) bool, cause *wire.Error) bool {
	for _, w := range set.list() {
		if w.id == id && of(w.key) {
			w.end(cause)
			return true
		}
	}
	return false
}

// Revoke ends the streams of the keys that are gone.
func (set *workers) Revoke(gone func(*auth.Key) bool) {
	for _, w := range set.list() {
		if gone(w.key) {
			w.end(call.ErrRevoked)
		}
	}
}

// EndStalled ends the streams whose clients take nothing.
func (set *workers) EndStalled() {
	for _, w := range set.list() {
		if w.sending.Stalled() {
			w.end(session.NoMemory())
		}
	}
}
