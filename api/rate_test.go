package api

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Looks at the server have a rate, for each key by itself; probes and data have
// none. Twenty consoles that ask for three things a second are served.
func TestLooksHaveARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := keyedServer(t, "one,two", func(o *Options) { o.Limits.AdminReads = 100 })
		ask := func(key, path string) *httptest.ResponseRecorder {
			return get(s, "GET", path, "Authorization", "Bearer "+key)
		}
		for second := range 5 {
			for range 20 {
				for _, path := range []string{"/v0/metrics", "/v0/admin/stats", "/v0/admin/history"} {
					if w := ask("one", path); w.Code != 200 {
						t.Fatalf("second %d: %s %d", second, path, w.Code)
					}
				}
			}
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second)
		for n := range 200 {
			if w := ask("one", "/v0/admin/audit"); w.Code != 200 {
				t.Fatalf("number %d of a burst: %d", n, w.Code)
			}
		}
		w := ask("one", "/metrics")
		wantCode(t, w, 429, "throttled")
		if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 1 {
			t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
		}
		if detail := object(t, w)["error"].(map[string]any)["detail"].(map[string]any); detail["limit"] != "max_admin_reads_per_second" || detail["max"] != 100.0 {
			t.Error(detail)
		}
		for key, paths := range map[string][]string{"one": {"/v0/topics", "/v0/ready", "/v0/whoami", "/health"}, "two": {"/metrics"}} {
			for _, path := range paths {
				if w := ask(key, path); w.Code != 200 {
					t.Errorf("%s %s: %d", key, path, w.Code)
				}
			}
		}
		wantCode(t, ask("one", "/nowhere"), 404, "not_found")
		time.Sleep(10 * time.Millisecond)
		if w := ask("one", "/metrics"); w.Code != 200 {
			t.Errorf("a hundredth of a second later: %d", w.Code)
		}
		wantCode(t, ask("one", "/metrics"), 429, "throttled")
	})
}

// As many wrong keys are answered at once in a second, and as many answers delayed.
const wrongKeys, wrongKeyWaits = 10, 64

// Wrong keys are answered at once while they are few, then after a delay, and a
// flood of them ends its connections; right keys never wait.
func TestWrongKeysAreSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := keyedServer(t, "right", func(o *Options) { o.Limits.WrongKeyDelay = time.Second })
		took := func(key string) (time.Duration, *httptest.ResponseRecorder) {
			began := time.Now()
			w := get(s, "GET", "/v0/topics", "Authorization", "Bearer "+key)
			return time.Since(began), w
		}
		for n := range 2 * wrongKeys {
			if d, w := took(fmt.Sprint("wrong-", n)); d != 0 || w.Code != 401 {
				t.Errorf("number %d: %d after %v", n, w.Code, d)
			}
		}
		var all sync.WaitGroup
		for range wrongKeyWaits {
			all.Go(func() {
				if d, w := took("wrong"); d != time.Second || w.Code != 401 {
					t.Errorf("%d after %v, want a delay", w.Code, d)
				}
			})
		}
		synctest.Wait()
		if d, w := took("wrong"); d != 0 || w.Code != 401 || w.Header().Get("Connection") != "close" {
			t.Errorf("beyond those that wait: %d after %v %v", w.Code, d, w.Header())
		}
		if d, w := took("right"); d != 0 || w.Code != 200 {
			t.Errorf("the right key: %d after %v", w.Code, d)
		}
		if d, w := took(""); d != 0 || w.Code != 401 {
			t.Errorf("no key: %d after %v", w.Code, d)
		}
		all.Wait()
		if n := s.bounds.Usage().Delayed; n != 0 {
			t.Errorf("%d still wait", n)
		}
		time.Sleep(5 * time.Second)
		if d, _ := took("wrong"); d != 0 {
			t.Errorf("a while later: after %v", d)
		}

		time.Sleep(5 * time.Second)
		for range 2 * wrongKeys {
			took("wrong")
		}
		all.Go(func() {
			if d, _ := took("wrong"); d != 0 {
				t.Errorf("a stop waited for %v", d)
			}
		})
		synctest.Wait()
		s.StopServing()
		all.Wait()
	})
}
