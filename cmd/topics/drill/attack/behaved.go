package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

// giveUp is how long the well-behaved client waits for an answer; it retries after
// 429. After that, or any other answer, it records an error. In a flood the kernel
// may drop SYNs, which are sent again after 1, 3, 7 and 15 s.
const giveUp = 30 * time.Second

// behaved is a client that writes and reads small records in two loops: one with
// a kept connection, and one with a new connection for each request.
type behaved struct {
	addr  string
	loops sync.WaitGroup

	mu        sync.Mutex
	latencies []time.Duration // from the first attempt to the answer
	throttled int
	errs      []error
}

// behave runs the well-behaved client and prints its result.
func (c *Cmd) behave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Each)
	defer cancel()
	return json.NewEncoder(os.Stdout).Encode(startBehaved(ctx, c.Behave).result())
}

// witness runs the well-behaved client as a process and returns its result.
func (c *Cmd) witness(ctx context.Context, addr string) (r Result, err error) {
	exe, err := os.Executable()
	if err != nil {
		return r, err
	}
	out, err := exec.CommandContext(ctx, exe, "drill", "attack", "--behave", addr, "--each", c.Each.String()).Output()
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		err = fmt.Errorf("the well-behaved client: %w", err)
	}
	return r, err
}

func startBehaved(ctx context.Context, addr string) *behaved {
	b := &behaved{addr: addr}
	for _, fresh := range []bool{false, true} {
		b.loops.Go(func() { b.loop(ctx, fresh) })
	}
	return b
}

func (b *behaved) loop(ctx context.Context, fresh bool) {
	transport := &http.Transport{DisableKeepAlives: fresh}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	body := `{"records":[{"data":"` + strings.Repeat("y", 1<<10) + `"}]}`
	for ctx.Err() == nil {
		b.exchange(ctx, c, http.MethodPost, "/v0/topics/mine", body)
		b.exchange(ctx, c, http.MethodGet, "/v0/topics/mine/diff?limit=2", "")
	}
}

// exchange asks until it is answered.
func (b *behaved) exchange(ctx context.Context, c *http.Client, method, path, body string) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUp)
	defer cancel()
	began := time.Now()
	throttled, err := 0, error(nil)
	for {
		var status int
		status, err = b.ask(within, c, method, path, body)
		if err != nil || status != http.StatusTooManyRequests {
			break
		}
		throttled++
		select {
		case <-time.After(50 * time.Millisecond):
		case <-within.Done():
		}
	}
	took := time.Since(began)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.throttled += throttled
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("%s %s after %v: %w", method, path, took.Round(time.Millisecond), err))
		return
	}
	b.latencies = append(b.latencies, took)
}

func (b *behaved) ask(ctx context.Context, c *http.Client, method, path, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+b.addr+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+behavedKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusTooManyRequests {
		return 0, errors.New(resp.Status + " " + string(bytes.TrimSpace(answer)))
	}
	return resp.StatusCode, nil
}

// result waits for the loops to end and summarizes them.
func (b *behaved) result() Result {
	b.loops.Wait()
	r := Result{Served: len(b.latencies), Throttled: b.throttled, Errors: len(b.errs)}
	r.P50MS = milliseconds(quantile.Median(b.latencies))
	r.P99MS = milliseconds(quantile.Of(b.latencies, 0.99))
	r.MaxMS = milliseconds(quantile.Of(b.latencies, 1))
	if len(b.errs) > 0 {
		r.FirstError = b.errs[0].Error()
	}
	return r
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
