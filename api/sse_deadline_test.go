package api

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/session"
)

// deadlineWriter counts the deadlines that are set.
type deadlineWriter struct {
	nullWriter
	set int
	at  time.Time
}

func (w *deadlineWriter) SetWriteDeadline(at time.Time) error {
	w.set++
	w.at = at
	return nil
}

func (w *deadlineWriter) FlushError() error { return nil }

// A client has at least seven eighths of its time for each event. Over HTTP/1.1 the
// deadline is not set for each of them; over HTTP/2 it is lifted after each.
func TestEventDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const time8 = 8 * time.Second
		for major, want := range map[int]struct{ first, again, later int }{1: {1, 0, 1}, 2: {2, 200, 2}} {
			w := &deadlineWriter{}
			st := &eventStream{
				cancel: func(error) {}, call: &call.Call{Writer: w, Request: &http.Request{ProtoMajor: major}}, control: http.NewResponseController(w), patience: time8, flow: new(session.Flow),
			}
			send := func(n int) (set int) {
				before := w.set
				for range n {
					if err := st.send([]byte(": event\n\n")); err != nil {
						t.Fatal(err)
					}
					if major == 1 && time.Until(w.at) < time8/8*7 {
						t.Errorf("only %s are left", time.Until(w.at))
					}
				}
				return w.set - before
			}
			if set := send(1); set != want.first {
				t.Errorf("HTTP/%d: the first event sets %d deadlines, want %d", major, set, want.first)
			}
			if set := send(100); set != want.again {
				t.Errorf("HTTP/%d: 100 events set %d deadlines, want %d", major, set, want.again)
			}
			time.Sleep(time8/8 + 1)
			if set := send(1); set != want.later {
				t.Errorf("HTTP/%d: an event after an eighth of the time sets %d deadlines, want %d", major, set, want.later)
			}
			if lifted := w.at.IsZero(); lifted != (major == 2) {
				t.Errorf("HTTP/%d: the deadline is %v at rest", major, w.at)
			}
			st.end(nil)
			if left := time.Until(w.at); left != lastWords {
				t.Errorf("HTTP/%d: %s are left for the last words", major, left)
			}
		}
	})
}

// A stream that has given its connection back sets no deadline of it any more, however
// late it is told to end: the next request may have begun.
func TestNoDeadlineAfterLeaving(t *testing.T) {
	w := &deadlineWriter{}
	st := &eventStream{cancel: func(error) {}, control: http.NewResponseController(w)}
	st.leave()
	if w.set != 1 || time.Until(w.at) > lastWords {
		t.Errorf("%d deadlines, the last one in %s", w.set, time.Until(w.at))
	}
	st.end(errAged)
	if w.set != 1 {
		t.Error("its end sets a deadline after that")
	}
}
