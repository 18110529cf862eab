package watch

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// However late a session learns that a topic was deleted and created again, no
// record of the second topic is taken for one of the first, and none is
// reported as lost.
func TestAnotherTopic(t *testing.T) {
	for _, again := range []int{1, 5} {
		for _, sessions := range []int{1, 2} { // two sessions share frames
			synctest.Test(t, func(t *testing.T) {
				w := newStillWorld(t)
				defer w.close()
				w.write("a", 1, 3)
				o := plain()
				o.Limit = 1
				outs := make([]*tape, sessions)
				for i := range outs {
					s, out := w.session(o)
					defer s.Close()
					out.hold = make(chan struct{})
					_, err := s.Add("a", Start{})
					must(t, err)
					outs[i] = out
					stop := s.run(out)
					defer func() { _ = stop() }()
				}
				synctest.Wait()
				for _, out := range outs {
					out.hold <- struct{}{} // the first frame
					synctest.Wait()
				}
				w.delete("a")
				w.write("a", 1, again)
				for _, out := range outs {
					close(out.hold) // the second one, which was read before that
				}
				for _, out := range outs {
					out.want(t, "records a 0-1/3", "records a 1-2/3")
				}
				w.Deliver()
				for _, out := range outs {
					synctest.Wait()
					want := []string{"deleted a 3 deleted"}
					for seq := range again {
						want = append(want, fmt.Sprintf("records a %d-%d/%d", seq, seq+1, again))
					}
					out.want(t, append(want, fmt.Sprintf("caught-up a %d", again))...)
				}
			})
		}
	}
}
