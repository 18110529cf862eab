package api

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// Who comes while a run is under way gets its result, however it ends, or
// leaves when its own time is over; who comes later starts another one.
func TestFlight(t *testing.T) {
	failure := errors.New("as the test wants")
	for name, tc := range map[string]struct {
		end    func() (any, error)
		report any
		err    error
	}{
		"report": {func() (any, error) { return 7, nil }, 7, nil},
		"error":  {func() (any, error) { return nil, failure }, nil, failure},
		"panic":  {func() (any, error) { panic(failure) }, nil, errUnfinished},
	} {
		synctest.Test(t, func(t *testing.T) {
			var f flight
			var wg sync.WaitGroup
			finish := make(chan struct{})
			wg.Go(func() {
				defer func() { _ = recover() }()
				_, _ = f.do(t.Context(), func() (any, error) {
					<-finish
					return tc.end()
				})
			})
			synctest.Wait()
			other := func() (any, error) {
				t.Errorf("%s: a second run beside the first", name)
				return nil, nil
			}
			for range 3 {
				wg.Go(func() {
					if report, err := f.do(t.Context(), other); report != tc.report || err != tc.err {
						t.Errorf("%s: %v, %v", name, report, err)
					}
				})
			}
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := f.do(gone, other); err != context.Canceled {
				t.Errorf("%s: one that has gone got %v", name, err)
			}
			synctest.Wait()
			close(finish)
			wg.Wait()
			if report, err := f.do(t.Context(), func() (any, error) { return 8, nil }); report != 8 || err != nil {
				t.Errorf("%s, then another run: %v, %v", name, report, err)
			}
		})
	}
}
