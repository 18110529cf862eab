package call

import (
	"errors"
	"testing"

	"github.com/e6e95bb8/topics/api/wire"
)

// A key has three quarters of the memory at most, and a quarter while others
// ask; where there are no keys, or one, all is for all.
func TestFairShare(t *testing.T) {
	b := &budget{name: "test", limit: 1000}
	var one, two, three account
	take := func(a *account, n int64) error {
		h := holder{}
		if a != nil {
			h = holder{a, &a.inflight}
		}
		return b.reserve(h, n)
	}
	refused := func(a *account, n, most int64) {
		t.Helper()
		var e *wire.Error
		if err := take(a, n); !errors.As(err, &e) || e.Status != 429 || e.Detail["limit"] != "test" || e.Detail["max"] != most {
			t.Errorf("%d more: %v, want 429 with at most %d", n, err, most)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	must(take(&one, 750))
	refused(&one, 1, 750)
	must(take(&two, 250)) // what was left for it
	refused(&three, 1, 1000)
	b.release(holder{&one, &one.inflight}, 750)
	refused(&one, 251, 250) // two has something, and three asks
	must(take(&one, 250))
	must(take(&three, 250))
	for _, a := range []*account{&one, &two, &three} {
		b.release(holder{a, &a.inflight}, 250)
	}
	refused(&two, 251, 250) // one was the last to ask
	b.askedAt = b.askedAt.Add(-2 * askedFor)
	must(take(&two, 750))
	b.release(holder{&two, &two.inflight}, 750)
	must(take(nil, 1000))
	refused(nil, 1, 1000)
	if used := b.used.Load(); used != 1000 {
		t.Errorf("%d are in use", used)
	}
}
