package manage

import (
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

func TestDescribeErasure(t *testing.T) {
	for want, s := range map[string]client.ErasureState{
		"segments, segments 2 of 5":                             {Step: "segments", Segments: 5, Checked: 2},
		"files, waits for the disk: a.seg could not be removed": {Step: "files", WaitsFor: "disk", Error: "a.seg could not be removed"},
	} {
		if got := describeErasure(&s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
