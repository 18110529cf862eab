package api

import (
	"context"
	"net/http"
	"testing"

	"github.com/e6e95bb8/topics/api/call"
)

// A stream of jobs that was refused, because its key went while it entered, has given
// back its connection: who found it in the set before must not touch that any more. By
// then it may be another request's, or, over HTTP/2, nobody's.
func TestStreamOfJobsIsEndedAfterItHasLeft(t *testing.T) {
	w := &deadlineWriter{}
	ctx, cancel := context.WithCancelCause(t.Context())
	st := &workStream{eventStream: &eventStream{
		ctx: ctx, cancel: cancel, control: http.NewResponseController(w), done: make(chan struct{}),
	}}
	var set workers
	set.enter(st)
	found := set.list()
	set.leave(st)
	before := w.set
	for _, late := range found {
		late.end(call.ErrRevoked)
	}
	if len(found) != 1 || set.count() != 0 {
		t.Errorf("%d were found, and %d are left", len(found), set.count())
	}
	if w.set != before {
		t.Errorf("the connection of another request has the deadline %v", w.at)
	}
}
