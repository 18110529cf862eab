package api

import (
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/session"
)

// A client that takes the rest of an event is not idle.
func TestRestOfAnEventIsTraffic(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "a", `{}`)
	w := s.openOnWire(t, "a")
	s.atRest(t)
	w.st.flow.MoveAt(time.Now().Add(-time.Hour))
	if err := w.st.Finish([]byte("3\r\n:\n\n\r\n")); err != nil {
		t.Fatal(err)
	}
	w.want("", "")
	var v session.View
	v.Carry(w.st.flow)
	if v.IdleMS > time.Hour.Milliseconds()/2 {
		t.Errorf("idle for %d ms", v.IdleMS)
	}
}
