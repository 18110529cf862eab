package topics

import (
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// What is counted of the topics and routers that are there is the same after a
// start, whether they come of a checkpoint or of the log.
func TestTotalsAfterAStart(t *testing.T) {
	w := newWorld(t)
	for c := record.Memory; c <= record.Fsync; c++ {
		w.put("class-"+c.String(), class(c))
		w.write("class-"+c.String(), 2)
	}
	w.put("queue", &record.ConfigPatch{Type: ptr("queue")})
	w.connect("r", "class-disk", "copy")
	w.read("copy", 0)
	there := func() (n topic.Totals) {
		all := w.Totals()
		n.Topics, n.Queues, n.Routers, n.ByClass, n.Records, n.Bytes = all.Topics, all.Queues, all.Routers, all.ByClass, all.Records, all.Bytes
		return n
	}
	want := there()
	for range 2 {
		w.restart()
		if got := there(); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, was %+v", got, want)
		}
		w.checkpoint(nil)
	}
	w.restart()
	if got := there(); !reflect.DeepEqual(got, want) {
		t.Errorf("of a checkpoint: %+v, was %+v", got, want)
	}
}
