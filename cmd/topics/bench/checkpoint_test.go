package bench

import (
	"testing"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

// A window without writes has no result.
func TestFeltNothing(t *testing.T) {
	if _, err := felt("merges", &load.Pulse{}, []load.Window{{}}); err == nil {
		t.Error("a window without a write passed")
	}
	at := time.Now()
	p := &load.Pulse{Beats: [][]load.Beat{{{At: at, Took: time.Millisecond}, {At: at.Add(time.Second), Took: time.Hour}}}}
	r, err := felt("quiet", p, []load.Window{{From: at, To: at.Add(time.Second)}})
	if err != nil || r.Writes != 1 || r.P99US != 1000 || r.Seconds != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}
