package http1

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// churn has clients ask one request after the other until their connection ends. stop is
// called when many have been handled. It returns how many were handled, and how many were
// answered.
func churn(t *testing.T, w *world, handled *atomic.Int64, stop func()) (answered int64) {
	const clients, before = 16, 200
	var got atomic.Int64
	var all sync.WaitGroup
	for i := range clients {
		r := rand.New(rand.NewPCG(uint64(i), 2))
		c := w.dial(t)
		all.Go(func() {
			for n := 0; ; n++ {
				body := fmt.Sprint(i, n)
				text := post("/b", body)
				if r.IntN(10) == 0 {
					text = post("/own", body) // answered at once
				}
				if r.IntN(20) == 0 {
					time.Sleep(time.Duration(r.IntN(3)) * time.Millisecond) // it may leave its loop
				}
				if _, err := io.WriteString(c, text); err != nil {
					return
				}
				resp, err := http.ReadResponse(c.in, nil)
				if err != nil {
					return
				}
				answer, err := io.ReadAll(resp.Body)
				if err != nil {
					return
				}
				if string(answer) != body {
					t.Errorf("%q, want %q", answer, body)
				}
				got.Add(1)
			}
		})
	}
	waitFor(t, "requests", func() bool { return handled.Load() > before })
	stop()
	all.Wait()
	return got.Load()
}

// counting answers with the body, and counts.
func counting(handled *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		handled.Add(1)
		_, _ = io.Copy(w, r.Body)
	}
}

// Whatever connections do at a Shutdown, all that was handled is answered.
func TestShutdownAtAnyTime(t *testing.T) {
	run(t, func(t *testing.T, how way) {
		for range 2 {
			var handled atomic.Int64
			w := serve(t, counting(&handled), how, nil)
			w.Loops.Quiet = time.Millisecond
			answered := churn(t, w, &handled, func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if err := w.Shutdown(ctx); err != nil {
					t.Error(err)
				}
			})
			if n := handled.Load(); n != answered {
				t.Errorf("%d requests were handled and %d answered", n, answered)
			}
		}
	}, usual, looped, varying)
}

// Whatever connections do when the server is closed, they end.
func TestCloseAtAnyTime(t *testing.T) {
	run(t, func(t *testing.T, how way) {
		for range 2 {
			var handled atomic.Int64
			w := serve(t, counting(&handled), how, nil)
			w.Loops.Quiet = time.Millisecond
			churn(t, w, &handled, func() {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}, usual, looped, varying)
}
