package api

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
)

// followerEnd is a way in which a stream ends.
type followerEnd struct {
	name string
	end  func(t *testing.T, s *realServer, w *wireStream)
	said string // the last event, if the client is there to read it
}

var followerEnds = []followerEnd{
	{"the client goes", func(_ *testing.T, _ *realServer, w *wireStream) { w.conn.Close() }, ""},
	{"an administrator closes it", func(t *testing.T, s *realServer, w *wireStream) {
		r := do(s, "POST", "/v0/admin/sessions/"+w.wid()+"/close", "", "X-Confirm", "true", "Authorization", "Bearer stays")
		if r.Code != 200 {
			t.Error(r.Body)
		}
	}, "session_closed"},
	{"its age", func(_ *testing.T, _ *realServer, w *wireStream) { w.st.end(errAged) }, "retry"},
	{"it is taken over", func(t *testing.T, s *realServer, w *wireStream) {
		openStream(t, http.DefaultClient, w.url, 200, "Authorization", "Bearer goes").hangUp()
	}, "stream_taken_over"},
	{"its key is revoked", func(t *testing.T, s *realServer, _ *wireStream) {
		keys, err := auth.Parse("stays")
		if err != nil {
			t.Fatal(err)
		}
		s.ReplaceKeys(keys)
	}, "unauthorized"},
	{"the server stops", func(_ *testing.T, s *realServer, _ *wireStream) { s.StopServing() }, "shutting_down"},
	{"the server closes its connections", func(_ *testing.T, s *realServer, _ *wireStream) { s.cut() }, ""},
}

// followerState is a state of a stream that is about to end.
type followerState struct {
	name string
	// reach opens a stream and has it reach the state. release ends what keeps it there.
	reach func(t *testing.T, s *realServer) (w *wireStream, release func())
	deaf  bool // its client is not there to read why it ends, or may read another reason
	slow  bool // it takes the time for the last words, so that only some ends are tried
}

// ofGoes has a request made with the key that may be revoked.
var ofGoes = []string{"Authorization", "Bearer goes"}

var followerStates = []followerState{
	{name: "before its first turn", reach: func(t *testing.T, s *realServer) (*wireStream, func()) {
		release := s.occupy()
		w := s.beginOnWire(t, "a", ofGoes...)
		waitFor(t, func() bool { _, waiting := s.crew.busy(); return waiting == 1 })
		return w, release
	}},
	{name: "at rest", reach: func(t *testing.T, s *realServer) (*wireStream, func()) {
		w := s.openOnWire(t, "a", ofGoes...)
		s.atRest(t)
		return w, func() {}
	}},
	{name: "in line", reach: func(t *testing.T, s *realServer) (*wireStream, func()) {
		w := s.openOnWire(t, "a", ofGoes...)
		s.atRest(t)
		release := s.occupy()
		s.writeAs(t, "stays", "a", "1")
		waitFor(t, func() bool { _, waiting := s.crew.busy(); return waiting == 1 })
		return w, release
	}},
	{name: "at its turn", reach: func(t *testing.T, s *realServer) (*wireStream, func()) {
		hold, held := make(chan struct{}), make(chan struct{})
		s.frames().Delivered = func(int64, int) {
			close(held)
			<-hold
		}
		w := s.openOnWire(t, "a", ofGoes...)
		s.atRest(t)
		s.writeAs(t, "stays", "a", "1")
		reached(t, held)
		return w, func() { close(hold) }
	}},
	{name: "waiting for its client", deaf: true, slow: true, reach: func(t *testing.T, s *realServer) (*wireStream, func()) {
		s.watches.patience = time.Hour // with the client
		w := s.openOnWire(t, "a", ofGoes...)
		s.fill(t, "stays")
		w.stalled(t)
		return w, func() {}
	}},
	{name: "ending already", deaf: true, reach: func(t *testing.T, s *realServer) (*wireStream, func()) {
		w := s.openOnWire(t, "a", ofGoes...)
		w.st.end(errAged)
		return w, func() {}
	}},
}

// A stream ends in each of its states for each of the reasons that there are: it says
// why if its client reads, and leaves nothing. What is left serveReal finds.
func TestFollowersEnd(t *testing.T) {
	for _, state := range followerStates {
		for i, tc := range followerEnds {
			if state.slow && i%3 != 0 {
				continue
			}
			t.Run(state.name+", "+tc.name, func(t *testing.T) {
				s, as := serveKeys(t, "stays,goes:rw")
				s.frames().GroupFrom = 1 + i%2*7 // in a group or not
				as("stays", "PUT", "/v0/topics/a", "{}")
				w, release := state.reach(t, s)
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					tc.end(t, s, w) // a takeover waits
				}()
				reached(t, w.st.ctx.Done())
				release()
				reached(t, w.st.done)
				reached(t, ended)
				if tc.said != "" && !state.deaf {
					rest, err := io.ReadAll(w.r)
					if err != nil || !strings.Contains(string(rest), tc.said) {
						t.Errorf("%q, %v where it ends because of %s", rest, err, tc.said)
					}
				}
				waitFor(t, func() bool { return s.bounds.Usage().Streams == 0 && s.traffic.underway.Load() == 0 })
				s.atRest(t)
			})
		}
	}
}

// When the server stops, or closes its connections, all streams end, whatever they are
// about to send. If it stops, each is told, with nothing lost of what was said before.
func TestManyFollowersEndTogether(t *testing.T) {
	const streams = 200
	for _, tc := range []struct {
		name    string
		end     func(s *realServer)
		grouped bool
	}{
		{"stop", func(s *realServer) { s.down() }, false},
		{"stop, in groups", func(s *realServer) { s.down() }, true},
		{"cut", func(s *realServer) { s.cut() }, false},
		{"cut, in groups", func(s *realServer) { s.cut() }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serveReal(t, nil, nil)
			inLine := streams
			s.frames().GroupFrom = streams + 1
			if tc.grouped {
				s.frames().GroupFrom, inLine = 1, (streams+63)/64
			}
			s.put(t, "a", `{}`)
			var open []*wireStream
			for range streams {
				open = append(open, s.openOnWire(t, "a"))
			}
			s.atRest(t)
			release := s.occupy()
			s.write(t, "a", "1")
			waitFor(t, func() bool { _, waiting := s.crew.busy(); return waiting == inLine })
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				tc.end(s)
			}()
			for _, w := range open[:streams/2] {
				reached(t, w.st.ctx.Done())
			}
			release() // of the others, some may have a turn before they are ended
			reached(t, ended)
			for i, w := range open {
				reached(t, w.st.done)
				if strings.HasPrefix(tc.name, "cut") {
					continue
				}
				last := sseEvent{}
				for ev, err := w.next(); err != io.EOF; ev, err = w.next() {
					if err != nil {
						t.Fatalf("stream %d: %v after %+v", i, err, last)
					}
					last = ev
				}
				if last.name != "error" || !strings.Contains(last.data, "shutting_down") {
					t.Errorf("stream %d ends with %+v", i, last)
				}
			}
			s.atRest(t)
			if sessions, streams := s.watches.counts(); streams != 0 || sessions != int64(len(open)) {
				t.Errorf("%d sessions, %d streams", sessions, streams)
			}
		})
	}
}

// occupy keeps all workers of the crew busy until release.
func (s *realServer) occupy() (release func()) {
	hold := make(chan struct{})
	for range mostWorkers() {
		s.crew.add(turnFunc(func(*worker) { <-hold }))
	}
	return func() { close(hold) }
}

// reached waits until a channel is closed.
func reached(t *testing.T, event <-chan struct{}) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(patience):
		t.Fatal("waited in vain")
	}
}

// writeAs is write with a key.
func (s *realServer) writeAs(t *testing.T, key, topic, data string) {
	t.Helper()
	w := do(s, "POST", "/v0/topics/"+topic, `{"records":[{"data":`+data+`}]}`, "Authorization", "Bearer "+key)
	if w.Code != 200 && w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// fill writes more to topic a than what lies between a client and the server.
func (s *realServer) fill(t *testing.T, key string) {
	t.Helper()
	large := `"` + strings.Repeat("x", 900<<10) + `"`
	for range 16 {
		s.writeAs(t, key, "a", large)
	}
}

// stalled waits until a stream's client, which does not read, holds up its turn.
func (w *wireStream) stalled(t *testing.T) {
	t.Helper()
	last, same := int64(-1), 0
	waitFor(t, func() bool {
		at := w.st.flow.Sent.Load()
		if at != last || !w.st.sending.Sends() {
			last, same = at, 0
			return false
		}
		same++
		return same > 50
	})
}
