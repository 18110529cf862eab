package watch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/e6e95bb8/topics/topics/topic"
)

// client resumes: it keeps what it has received of each topic and discards
// duplicates.
type client struct {
	session *Session
	got     map[string][]string // data; index i is seq i+1
	ids     []string
	repeats int
	err     error
	events  int  // until the connection is cut; never if negative
	lossy   bool // the event that is cut off arrives nevertheless
}

var errCut = errors.New("cut")

// event accepts an event or fails.
func (c *client) event(take func()) error {
	if c.events == 0 {
		if c.lossy {
			take()
			c.ids = append(c.ids, string(c.session.AppendID(nil)))
		}
		return errCut
	}
	c.events--
	take()
	c.ids = append(c.ids, string(c.session.AppendID(nil)))
	return nil
}

func (c *client) Records(f *Frame, last bool) error {
	return c.event(func() {
		have := c.got[f.Topic]
		if f.From > uint64(len(have)) && c.err == nil {
			c.err = fmt.Errorf("%s goes on at %d after %d", f.Topic, f.From, len(have))
		}
		at := f.From
		for part := range strings.SplitSeq(string(f.Body), `"data":`) {
			if strings.HasPrefix(part, `{"topic"`) {
				continue
			}
			data := part[:strings.IndexByte(part, '}')]
			switch {
			case at < uint64(len(have)):
				c.repeats++
				if have[at] != data && c.err == nil {
					c.err = fmt.Errorf("%s: seq %d is %s and was %s", f.Topic, at+1, data, have[at])
				}
			default:
				have = append(have, data)
			}
			at++
		}
		c.got[f.Topic] = have
		if last {
			c.check(f.Topic, f.To)
		}
	})
}

func (c *client) Tombstone(x string, t *topic.Tombstone, _ bool) error {
	c.err = fmt.Errorf("%s: a tombstone %+v", x, t)
	return nil
}

func (c *client) CaughtUp(x string, head uint64) error {
	return c.event(func() { c.check(x, head) })
}

// check notes a mistake if the client does not have everything up to head.
func (c *client) check(x string, head uint64) {
	if n := len(c.got[x]); uint64(n) < head && c.err == nil {
		c.err = fmt.Errorf("%s: caught up with %d at %d", x, head, n)
	}
}

func (c *client) Deleted(x string, _ uint64, _ string) error {
	return c.event(func() { delete(c.got, x) })
}

func (c *client) Failed(x string, err error) error { return err }
func (c *client) Idle() error                      { return nil }

// connection is a run of the session that is cut after a number of events.
type connection struct {
	events int
	lossy  bool
	rewind int // resume with the id this many events before the last; not with an id if negative
	steps  []step
}

// step is a change to a topic while the client is away or connected.
type step struct {
	topic   string
	records int  // number of records written; 0 deletes the topic
	wait    bool // wait until the session is idle before the next step
}

var resumed = []string{"a", "b", "p:1", "p:2"}

func drawConnection(t *rapid.T) connection {
	return connection{
		events: rapid.IntRange(0, 8).Draw(t, "events"),
		lossy:  rapid.Bool().Draw(t, "lossy"),
		rewind: rapid.IntRange(-4, 6).Draw(t, "rewind"),
		steps: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{
				topic:   rapid.SampledFrom(resumed).Draw(t, "topic"),
				records: max(0, rapid.IntRange(-2, 8).Draw(t, "records")),
				wait:    rapid.Bool().Draw(t, "wait"),
			}
		}), 0, 6).Draw(t, "steps"),
	}
}

// However often a connection is cut and wherever a client resumes, it gets
// every record of every topic in order, and all records of a topic that was
// created again. A client that resumes where the session is, and lost nothing
// in the cut, gets no duplicates.
func TestResume(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := rapid.SliceOfN(rapid.Custom(drawConnection), 1, 12).Draw(rt, "connections")
		var failure string
		synctest.Test(t, func(t *testing.T) { failure = resume(t, plan) })
		if failure != "" {
			rt.Fatal(failure)
		}
	})
}

// resume carries out a plan and returns what is wrong with what the client got.
func resume(t *testing.T, plan []connection) string {
	w := newWorld(t)
	defer w.close()
	written := map[string][]string{}
	next := 1
	write := func(name string, n int) {
		w.write(name, next, n)
		for range n {
			written[name] = append(written[name], fmt.Sprint(next))
			next++
		}
	}
	write("a", 1)
	write("b", 1)
	o := plain()
	o.Limit = 3
	s := NewSession(w.frames, o, len(resumed), everything)
	defer s.Close()
	for _, name := range resumed[:2] {
		_, err := s.Add(name, Start{})
		must(t, err)
	}
	_, err := s.AddPrefix("p:", Start{})
	must(t, err)
	c := &client{session: s, got: map[string][]string{}}
	exact := true
	for _, conn := range plan {
		if conn.rewind >= 0 && len(c.ids) > 0 {
			c.ids = c.ids[:max(1, len(c.ids)-conn.rewind)]
			place, err := ParseID(c.ids[len(c.ids)-1])
			must(t, err)
			s.Rewind(place)
			exact = exact && conn.rewind == 0
		}
		c.events, c.lossy = conn.events, conn.lossy
		exact = exact && !conn.lossy
		stop := s.run(c)
		for _, st := range conn.steps {
			if st.records > 0 {
				write(st.topic, st.records)
			} else {
				w.delete(st.topic)
				delete(written, st.topic)
			}
			if st.wait {
				synctest.Wait()
			}
		}
		synctest.Wait()
		_ = stop()
	}
	c.events = -1
	stop := s.run(c)
	synctest.Wait()
	_ = stop()
	if c.err != nil {
		return c.err.Error()
	}
	for _, name := range resumed {
		if got, want := c.got[name], written[name]; !slices.Equal(got, want) {
			return fmt.Sprintf("%s: got %v, want %v", name, got, want)
		}
	}
	if exact && c.repeats > 0 {
		return fmt.Sprintf("%d records came twice", c.repeats)
	}
	return ""
}

// A topic that was created again, and whose first event was cut off, is
// reported as deleted when it is deleted again, even if a read finds that out.
func TestDeletedAfterACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStillWorld(t)
		defer w.close()
		s := NewSession(w.frames, plain(), 4, everything)
		defer s.Close()
		_, err := s.AddPrefix("p:", Start{})
		must(t, err)
		c := &client{session: s, got: map[string][]string{}, events: -1}
		step := func(do func()) {
			stop := s.run(c)
			do()
			synctest.Wait()
			_ = stop()
		}
		w.write("p:1", 1, 1)
		w.Deliver()
		step(func() {})
		w.delete("p:1")
		w.write("p:1", 2, 1)
		w.Deliver()
		c.events, c.lossy = 1, true // the deletion, and then the record, which is cut off but arrives
		step(func() {})
		if got := fmt.Sprint(c.got["p:1"]); got != "[2]" {
			t.Fatalf("got %s", got)
		}
		w.delete("p:1") // the subscriber has not been notified yet
		c.events = -1
		step(func() {
			synctest.Wait()
			w.Deliver()
		})
		if got := c.got["p:1"]; got != nil || c.err != nil {
			t.Fatalf("the client still has %v; %v", got, c.err)
		}
	})
}
