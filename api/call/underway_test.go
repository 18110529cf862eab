package call

import "testing"

// The lists stay whole while requests come and go in any order.
func TestRequestsComeAndGo(t *testing.T) {
	u := newUnderway()
	calls := make([]*Call, 100)
	for i := range calls {
		calls[i] = new(Call)
		u.enter(calls[i])
	}
	for step, left := range []int{100, 67, 34, 0} {
		n := 0
		u.Each(func(*Call) { n++ })
		if n != left {
			t.Errorf("step %d: %d are listed, want %d", step, n, left)
		}
		for i := (step + 1) % 3; i < len(calls); i += 3 {
			u.leave(calls[i])
			u.leave(calls[i]) // nothing happens
		}
	}
	if allocs := testing.AllocsPerRun(100, func() { u.enter(calls[0]); u.leave(calls[0]) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
