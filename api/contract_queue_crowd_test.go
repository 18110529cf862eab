package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// claimsInProgress returns how many claims wait, by the list of requests.
func (s *contractServer) claimsInProgress() (n int) {
	s.t.Helper()
	var v struct {
		Requests []struct {
			Route   string
			Topic   string
			Waiting bool
		}
	}
	a := s.send("GET /v0/admin/requests?limit=1000", "")
	if err := json.Unmarshal(a.body, &v); err != nil || a.status != 200 {
		s.t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	for _, r := range v.Requests {
		if r.Route == "/v0/topics/:topic/claim" && r.Topic == "q" && r.Waiting {
			n++
		}
	}
	return n
}

// Case 13 and G18: of 500 claims that wait, one job wakes the first, and 499 are in the list of requests; ten jobs
// wake the next ten, in their order; the others end with their time, with 200 and empty.
func TestContractQueueCase13Crowd(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const crowd = 500
		s.queue("q", "")
		line := s.line()
		var all []<-chan *answer
		for i := range crowd {
			all = append(all, s.waiting(t.Context(), line, fmt.Sprintf(`{"node":"w%d","wait_ms":30000}`, i)))
		}
		served := 0
		for _, n := range []int{1, 10} {
			s.enqueue("q", make([]string, n)...)
			for range n {
				if a := <-all[served]; a == nil || a.status != 200 || !slices.Equal(seqsOf(a.claimed()), []uint64{uint64(served + 1)}) {
					t.Fatalf("number %d has %+v", served, a)
				}
				served++
			}
			waitFor(t, func() bool { return s.claimsInProgress() <= crowd-served })
			if left := s.claimsInProgress(); left != crowd-served {
				t.Fatalf("%d claims wait after %d were served", left, served)
			}
		}
		s.pass(29_999)
		if left := s.claimsInProgress(); left != crowd-served {
			t.Fatalf("%d claims wait just before their time", left)
		}
		s.pass(1)
		for i, waits := range all[served:] {
			if a := <-waits; a == nil || a.status != 200 || a.differs(`{"topic":"q","claimed":[],"ready":0}`) != "" {
				t.Fatalf("number %d has %+v", served+i, a)
			}
		}
	})
}
