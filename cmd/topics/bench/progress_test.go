package bench

import (
	"math"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/child"
)

func TestJudgeProgress(t *testing.T) {
	at := func(ms, eta int, progress float64) child.Probe {
		return child.Probe{At: time.Duration(ms) * time.Millisecond, ETA: time.Duration(eta) * time.Millisecond, Progress: progress}
	}
	var r ProgressResult
	r.judge([]child.Probe{at(20, 900, 0), at(30, 500, 0.15), at(70, 40, 0.4), at(120, 0, 1)})
	if r.Readings != 4 || r.ReplayMS != 100 || math.Abs(r.Off-0.1) > 1e-9 || r.ETAOffMS != 10 || math.Abs(r.ETAOff-0.2) > 1e-9 {
		t.Errorf("%+v", r)
	}
	m := medianProgress([]ProgressResult{{Off: 0.3, ETAOff: 1, ReplayMS: 9}, {Off: 0.1, ETAOff: 3, ReplayMS: 5}, {Off: 0.2, ETAOff: 2, ReplayMS: 7}})
	if m.Off != 0.2 || m.ETAOff != 2 || m.ReplayMS != 7 || m.WorstOff != 0.3 {
		t.Errorf("medians: %+v", m)
	}
	r = ProgressResult{}
	if r.judge(nil); r != (ProgressResult{}) {
		t.Errorf("of nothing: %+v", r)
	}
}
