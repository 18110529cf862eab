package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

// BacklogResult is what a queue does beside many jobs of one state.
type BacklogResult struct {
	State string `json:"state"`
	Jobs  int    `json:"jobs"`
	// JobBytes is the server's resident memory for each job, its record's included.
	JobBytes float64 `json:"resident_bytes_per_job"`
	// What calls on one job take, one after the other over one connection.
	Calls map[string]BacklogCall `json:"calls"`
	// Lists are the state of the topic and the first page of its jobs.
	StateMS float64 `json:"state_ms"`
	PageMS  float64 `json:"page_ms"`
	// From the start of the process to ready, after SIGKILL and after an orderly stop.
	ReadyMS float64 `json:"ready_ms"`
	CleanMS float64 `json:"clean_ready_ms"`
}

// BacklogCall is what one kind of call takes, in microseconds.
type BacklogCall struct {
	P50US float64 `json:"p50_us"`
	P99US float64 `json:"p99_us"`
}

// DueResult is what other calls wait for while many jobs are due at once: the longest
// of each kind, in milliseconds, and of the same number of them before.
type DueResult struct {
	Jobs   int                `json:"jobs"`
	TookMS float64            `json:"all_ready_ms"` // until all of them were counted as ready
	MostMS map[string]float64 `json:"most_ms"`
	Before map[string]float64 `json:"most_ms_before"`
}

const (
	backlogOther = "bench-other"
	// backlogLeast is the size that each size is compared with.
	backlogLeast = 1000
)

// backlog is one state that jobs are in.
type backlog struct {
	state string
	jobs  int
	job   func(i int) string // the fields of the job's record, beside its data
	held  bool               // they are claimed once they are written
}

func backlogs(n int) []backlog {
	plain := func(int) string { return "" }
	far := time.Now().Add(24 * time.Hour).UnixMilli()
	return []backlog{
		{"ready", n, plain, false},
		{"delayed", n, func(i int) string { return fmt.Sprintf(`"delay_ms":%d,`, 86_400_000+i*7919%86_400_000) }, false},
		{"not_before", n, func(i int) string { return fmt.Sprintf(`"not_before":%d,`, far+int64(i*7919%86_400_000)) }, false},
		{"in_flight", max(n/10, backlogLeast), plain, true},
		{"priority", n, func(i int) string { return fmt.Sprintf(`"priority":%d,`, -1-i*7919%99) }, false},
		{"groups", n, func(i int) string { return fmt.Sprintf(`"priority":-1,"group":"g%d",`, i%max(n/10, 1)) }, false},
	}
}

func (b *bench) measureBacklog(ctx context.Context) (results []BacklogResult, err error) {
	n := int(b.cmd.BacklogJobs)
	few := backlogs(backlogLeast)
	for i, many := range backlogs(n) {
		for _, l := range []backlog{few[i], many} {
			r, err := b.measureBacklogOf(ctx, l)
			if err != nil {
				return results, fmt.Errorf("%d jobs %s: %w", l.jobs, l.state, err)
			}
			b.logf("backlog: %-10s %8d jobs  %5.0f B/job  claim p50 %4.0f us, p99 %5.0f us  ready in %.0f and %.0f ms",
				r.State, r.Jobs, r.JobBytes, r.Calls["claim"].P50US, r.Calls["claim"].P99US, r.ReadyMS, r.CleanMS)
			results = append(results, r)
		}
	}
	return results, nil
}

// measureBacklogOf measures one state in a new directory.
func (b *bench) measureBacklogOf(ctx context.Context, l backlog) (r BacklogResult, err error) {
	dir, done, err := scratch(b.dir, "backlog")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, done()) }()
	env := append(b.env(), smallCache)
	r = BacklogResult{State: l.state, Jobs: l.jobs}
	s, err := boot(ctx, dir, env)
	if err != nil {
		return r, err
	}
	defer func() { s.kill() }()
	base, err := s.settled(ctx, b.cmd.Settle)
	if err != nil {
		return r, err
	}
	err = s.fillBacklog(ctx, l)
	if err != nil {
		return r, err
	}
	full, err := s.settled(ctx, b.cmd.Settle)
	if err != nil {
		return r, err
	}
	r.JobBytes = float64(full-base) / float64(l.jobs)
	if l.state != "ready" {
		err = s.call(load.WriteRequest(benchQueue, fillBatch)) // jobs to be claimed
	}
	if err == nil {
		err = s.measureCalls(b.cmd.Interval, &r)
	}
	if err != nil {
		return r, err
	}
	s.kill()
	s, err = boot(ctx, dir, env)
	if err != nil {
		return r, err
	}
	r.ReadyMS = milliseconds(s.ready)
	_, err = s.stop()
	if err != nil {
		return r, err
	}
	s, err = boot(ctx, dir, env)
	if err != nil {
		return r, err
	}
	r.CleanMS = milliseconds(s.ready)
	return r, nil
}

// fillBacklog makes a queue with the jobs of a state.
func (s *server) fillBacklog(ctx context.Context, l backlog) error {
	config := client.Config{Type: "queue", Durability: "disk", LeaseMS: time.Hour.Milliseconds(), LeasesDurable: l.held}
	_, err := s.api.PutTopic(ctx, benchQueue, config)
	if err != nil {
		return err
	}
	data := slices.Repeat([]byte("x"), load.RecordBytes-2)
	err = load.Fill(ctx, s.addr, curveConns, (l.jobs+fillBatch-1)/fillBatch, func(_ []byte, i int) []byte {
		body := []byte(`{"disable_backpressure":true,"records":[`)
		for k := i * fillBatch; k < min((i+1)*fillBatch, l.jobs); k++ {
			if k > i*fillBatch {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{%s"data":"%s"}`, l.job(k), data)
		}
		return load.Render("POST", "/v0/topics/"+benchQueue+"?return_seqs=false", append(body, "]}"...))
	})
	for left := l.jobs; err == nil && l.held && left > 0; left -= fillBatch {
		err = s.call(load.Render("POST", "/v0/topics/"+benchQueue+"/claim", fmt.Appendf(nil, `{"node":"holder","max":%d}`, min(left, fillBatch))))
	}
	return err
}

// backlogCalls are the calls of one round on one job, which end it and write another.
// The answer of a claim names the job that the others are on.
var backlogCalls = []struct{ name, path, fields string }{
	{"claim", "claim", `"max":1`}, {"extend", "extend", `"seqs":[%s]`}, {"nack", "nack", `"seqs":[%s],"delay_ms":0`},
	{"", "claim", `"max":1`}, {"ack", "ack", `"seqs":[%s]`},
}

// measureCalls measures the calls on jobs, and what looks at all of them.
func (s *server) measureCalls(within time.Duration, r *BacklogResult) error {
	c, err := load.Dial(s.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	took := map[string][]time.Duration{}
	next := load.WriteRequest(benchQueue, 1)
	for end := time.Now().Add(within); time.Now().Before(end); {
		var held handles
		for _, call := range backlogCalls {
			fields := call.fields
			if len(held.seqs) > 0 && call.path != "claim" {
				fields = fmt.Sprintf(fields, held.seqs[len(held.seqs)-1])
			}
			request := load.Render("POST", "/v0/topics/"+benchQueue+"/"+call.path, fmt.Appendf(nil, `{"node":"w",%s}`, fields))
			began := time.Now()
			body, err := c.Expect(request, 200)
			if err != nil {
				return err
			}
			took[call.name] = append(took[call.name], time.Since(began))
			if call.path == "claim" {
				held.add(body)
			}
			if len(held.seqs) == 0 {
				return errDrained
			}
		}
		_, err := c.Expect(next, 200)
		if err != nil {
			return err
		}
	}
	r.Calls = map[string]BacklogCall{}
	for name, all := range took {
		if name != "" {
			r.Calls[name] = BacklogCall{P50US: load.Micros(quantile.Median(all)), P99US: load.Micros(quantile.Of(all, 0.99))}
		}
	}
	for target, into := range map[string]*float64{"": &r.StateMS, "/jobs?state=" + listedState(r.State): &r.PageMS} {
		var all []time.Duration
		for range 20 {
			began := time.Now()
			_, err := c.Expect(load.Render("GET", "/v0/topics/"+benchQueue+target, nil), 200)
			if err != nil {
				return err
			}
			all = append(all, time.Since(began))
		}
		*into = milliseconds(quantile.Median(all))
	}
	return nil
}

// listedState is the state, as the API names it, that most jobs of a backlog are in.
func listedState(backlog string) string {
	switch backlog {
	case "delayed", "not_before":
		return "delayed"
	case "in_flight":
		return backlog
	case "groups":
		return "blocked"
	}
	return "ready"
}
