package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// lined is an engine that tells of each claim that waits in line.
type lined struct {
	Engine
	waits chan struct{}
}

func (e lined) Claim(ctx context.Context, name string, c *jobs.Claim) (*jobs.Claimed, error) {
	return e.Engine.Claim(&lineContext{Context: ctx, waits: e.waits}, name, c)
}

// lineContext tells when somebody waits for its end.
type lineContext struct {
	context.Context
	waits chan struct{}
	once  sync.Once
}

func (c *lineContext) Done() <-chan struct{} {
	c.once.Do(func() { c.waits <- struct{}{} })
	return c.Context.Done()
}

// line has the engine tell of claims that wait.
func (s *contractServer) line() chan struct{} {
	e := lined{s.opened(), make(chan struct{}, 1000)}
	var engine Engine = e
	s.engine.Store(&engine)
	return e.waits
}

// waiting begins a claim, and returns when it waits in line.
func (s *contractServer) waiting(ctx context.Context, line chan struct{}, body string, header ...string) <-chan *answer {
	s.t.Helper()
	out := make(chan *answer, 1)
	go func() {
		defer close(out)
		a, err := s.try(ctx, "POST /v0/topics/q/claim", body, header...)
		if err == nil {
			out <- a
		}
	}()
	select {
	case <-line:
	case a := <-out:
		s.t.Fatalf("a claim does not wait: %+v", a)
	case <-time.After(patience):
		s.t.Fatal("a claim does not wait")
	}
	return out
}

// try is send for a request that may fail.
func (s *contractServer) try(ctx context.Context, ask, body string, header ...string) (*answer, error) {
	method, target, _ := strings.Cut(ask, " ")
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.addr+target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header}
	a.body, err = io.ReadAll(resp.Body)
	return a, err
}

// G18 and case 13: those that wait are served by arrival; one job wakes one.
func TestContractWaitingClaims(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		line := s.line()
		const n = 20
		var lines []<-chan *answer
		for i := range n {
			lines = append(lines, s.waiting(t.Context(), line, fmt.Sprintf(`{"node":"w%d","wait_ms":30000}`, i)))
		}
		s.enqueue("q", "")
		if a := <-lines[0]; !slices.Equal(seqsOf(a.claimed()), []uint64{1}) {
			t.Fatalf("the first has %s", a.body)
		}
		// A claim that does not wait overtakes nobody.
		s.claims("q", `{"node":"late"}`)
		s.enqueue("q", "", "", "")
		for i := 1; i <= 3; i++ {
			if a := <-lines[i]; !slices.Equal(seqsOf(a.claimed()), []uint64{uint64(i + 1)}) {
				t.Fatalf("number %d has %s", i, a.body)
			}
		}
		// A nack, a promotion and a due time wake, too.
		s.walk(step{"POST /v0/topics/q/nack", `{"node":"w0","seqs":[1],"delay_ms":0}`, 200, `{"nacked":1}`})
		if a := <-lines[4]; !slices.Equal(seqsOf(a.claimed()), []uint64{1}) {
			t.Fatalf("after a nack: %s", a.body)
		}
		s.enqueue("q", `"delay_ms":100`)
		if a := <-lines[5]; !slices.Equal(seqsOf(a.claimed()), []uint64{5}) {
			t.Fatalf("when it is due: %s", a.body)
		}
		s.walk(step{"POST /v0/topics/q/extend", `{"node":"w5","seqs":[5],"lease_ms":100}`, 200, `{"extended":1}`})
		if a := <-lines[6]; !slices.Equal(seqsOf(a.claimed()), []uint64{5}) {
			t.Fatalf("when its lease is over: %s", a.body)
		}
		// The wait is over in time, with 200 and empty.
		began := time.Now()
		s.walk(step{"DELETE /v0/topics/q", ``, 200, ``})
		for i := 7; i < n; i++ {
			if a := <-lines[i]; a.status != 404 || a.differs(refusal("topic_not_found")) != "" {
				t.Fatalf("number %d of a deleted topic: %d %s", i, a.status, a.body)
			}
		}
		if time.Since(began) > soon {
			t.Errorf("a deleted topic ends claims after %s", time.Since(began))
		}
		s.queue("q", "")
		began = time.Now()
		s.claims("q", `{"node":"w","wait_ms":50}`)
		// A queue's clock has whole milliseconds: the first may have begun before.
		if spent := time.Since(began); spent < 49*time.Millisecond || spent > soon {
			t.Errorf("50 ms took %s", spent)
		}
	})
}

// G18: a claim whose client is gone takes no job, and jobs whose answer could
// not be written go back at once, uncounted.
func TestContractLostClaims(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		line := s.line()
		ctx, cancel := context.WithCancel(t.Context())
		gone := s.waiting(ctx, line, `{"node":"gone","wait_ms":30000}`)
		stays := s.waiting(t.Context(), line, `{"node":"stays","wait_ms":30000}`)
		cancel()
		<-gone
		waitFor(t, func() bool { return s.bounds.Usage().Following == queues.ClaimCost })
		s.enqueue("q", "")
		if got := (<-stays).claimed(); !slices.Equal(seqsOf(got), []uint64{1}) || got[0].Deliveries != 1 {
			t.Fatalf("%+v", got)
		}
		s.counts("q", 0, 0, 0, 1)
	})
}

// undeliverable is a writer whose client takes nothing.
type undeliverable struct{ header http.Header }

func (w undeliverable) Header() http.Header       { return w.header }
func (w undeliverable) WriteHeader(int)           {}
func (w undeliverable) Write([]byte) (int, error) { return 0, context.Canceled }

func TestUndeliveredJobsGoBack(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "q", `{"type":"queue"}`)
	s.write(t, "q", `1`, `2`)
	for range 3 {
		r, _ := http.NewRequestWithContext(t.Context(), "POST", "http://localhost/v0/topics/q/claim", strings.NewReader(`{"node":"w","max":2}`))
		r.Header.Set("Content-Type", "application/json")
		s.ServeHTTP(undeliverable{http.Header{}}, r)
	}
	w := do(s, "POST", "/v0/topics/q/claim", `{"node":"w","max":2}`)
	got := (&answer{body: w.Body.Bytes()}).claimed()
	if len(got) != 2 || got[0].Deliveries != 1 || got[1].Deliveries != 1 {
		t.Errorf("%s", w.Body)
	}
}

// G19 and case 31: a claim that waits is no request under way; acks go on.
func TestContractClaimsAndCaps(t *testing.T) {
	keys, err := auth.Parse("worker:rw,boss:a")
	if err != nil {
		t.Fatal(err)
	}
	overBothTimed(t, func(o *Options) { o.Keys = keys; o.Limits.MaxInflightPerKey = 2 }, func(t *testing.T, s *contractServer) {
		worker, boss := []string{"Authorization", "Bearer worker"}, []string{"Authorization", "Bearer boss"}
		if a := s.send("PUT /v0/topics/q", `{"type":"queue"}`, boss...); a.status != 201 {
			t.Fatalf("%s", a.body)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		line := s.line()
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		for i := range 8 {
			done := s.waiting(ctx, line, fmt.Sprintf(`{"node":"w%d","wait_ms":30000}`, i), worker...)
			wg.Go(func() { <-done })
		}
		for range 5 {
			if a := s.send("POST /v0/topics/q/ack", `{"node":"w","seqs":[1]}`, worker...); a.status != 200 {
				t.Fatalf("an ack beside claims that wait: %d %s", a.status, a.body)
			}
		}
	})
}

// G18, G19: when the server drains, claims that wait are answered at once, with
// 200 and empty; those that come are refused.
func TestContractDrainedClaims(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		line := s.line()
		waits := s.waiting(t.Context(), line, `{"node":"w","wait_ms":30000}`)
		began := time.Now()
		s.StopServing()
		a := <-waits
		if a == nil || a.status != 200 || a.differs(`{"topic":"q","claimed":[],"count":0}`) != "" || time.Since(began) > soon {
			t.Fatalf("after %s: %+v", time.Since(began), a)
		}
		s.walk(step{"POST /v0/topics/q/claim", `{"node":"w"}`, 503, refusal("shutting_down")})
	})
}

// G19: on a full disk acks and claims go on; a log that is read-only delivers
// nothing.
func TestContractQueueStorage(t *testing.T) {
	var disk *crashfs.FS
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", `"durability":"fsync"`)
		s.enqueue("q", "", "", "")
		disk.SetCapacity(1)
		for s.send("POST /v0/topics/t", `{"records":[{"data":"`+strings.Repeat("x", 1<<20-100)+`"}]}`).status <= 201 {
		}
		s.walk(step{"POST /v0/topics/q", `{"records":[{"data":"` + strings.Repeat("x", 1<<20-100) + `"}]}`, 507, refusal("insufficient_storage")})
		s.claims("q", `{"node":"w","max":2}`, 1, 2)
		s.walk(
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1]}`, 200, `{"acked":1}`},
			step{"POST /v0/topics/q/extend", `{"node":"w","seqs":[2]}`, 200, `{"extended":1}`},
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[2]}`, 200, `{"nacked":1}`},
		)
		disk.SetCapacity(0)
	}, onADisk(&disk))
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", `"durability":"fsync"`)
		s.enqueue("q", "", "")
		s.claims("q", `{"node":"w"}`, 1)
		disk.FailSync("0000000000000001.wal", 1)
		s.spoilt = true
		s.walk(
			step{"POST /v0/topics/q", `{"records":[{"data":1}]}`, 503, refusal("storage_unavailable")},
			step{"POST /v0/topics/q/claim", `{"node":"w"}`, 503, refusal("storage_unavailable")},
			step{"GET /v0/topics/q/work?node=w", ``, 503, refusal("storage_unavailable")},
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1]}`, 503, refusal("storage_unavailable")},
			step{"GET /v0/topics/q", ``, 200, `{"queue":{"ready":1,"in_flight":1}}`},
		)
	}, onADisk(&disk))
}

// G24: a cohort shares what is there in proportion to each max, also with claims
// that do not wait.
func TestContractCohort(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", `"claim_jitter_ms":300`)
		s.enqueue("q", make([]string, 20)...)
		var wg sync.WaitGroup
		got := make([]int, 5)
		for i := range got {
			wg.Go(func() {
				a, err := s.try(t.Context(), "POST /v0/topics/q/claim", fmt.Sprintf(`{"node":"w%d","max":10}`, i))
				if err != nil {
					t.Error(err)
					return
				}
				got[i] = len(a.claimed())
			})
		}
		wg.Wait()
		for _, n := range got {
			if n < 3 || n > 5 {
				t.Errorf("the cohort has %v", got)
				break
			}
		}
	})
}
