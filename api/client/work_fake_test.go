package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// worked is a fake server with one queue, whose jobs are numbers. It has leases,
// streams that release what they hold when they end, and nacks without a
// back-off.
type worked struct {
	t       *testing.T
	mu      sync.Mutex
	jobs    map[uint64]*workedJob
	last    uint64
	leases  int
	streams []*workedStream
	calls   []string // verb and seqs of each call, such as "ack 1 2"
	// down makes every request fail; refuse answers them with an error.
	down   bool
	refuse string
	// durable leases outlive their stream.
	durable bool
}

type workedJob struct {
	seq        uint64
	deliveries int
	lease      string
	node       string
	stream     *workedStream
	expiry     *time.Timer
}

type workedStream struct {
	node    string
	max     int
	lease   time.Duration
	leaving bool
	events  chan string
	cut     context.CancelFunc
}

func newWorked(t *testing.T) *worked { return &worked{t: t, jobs: map[uint64]*workedJob{}} }

// client returns a client of the fake server.
func (f *worked) client(retryFor time.Duration) *Client {
	c, err := New("http://server:4000", Options{RetryFor: retryFor, HTTP: &http.Client{Transport: f}})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// put writes n jobs.
func (f *worked) put(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.last++
		f.jobs[f.last] = &workedJob{seq: f.last}
	}
	f.pushLocked()
}

// restart breaks all streams; unless leases are durable, they are forgotten.
func (f *worked) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.streams {
		s.cut()
	}
	if !f.durable {
		for _, j := range f.jobs {
			j.deliveries = 0
			f.releaseLocked(j)
		}
	}
	f.streams = nil
}

func (f *worked) set(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// left returns the deliveries of each job that was not acked.
func (f *worked) left() map[uint64]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := map[uint64]int{}
	for seq, j := range f.jobs {
		left[seq] = j.deliveries
	}
	return left
}

// heard returns how often a call was made.
func (f *worked) heard(call string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

// RoundTrip implements http.RoundTripper.
func (f *worked) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.down:
		return nil, io.ErrUnexpectedEOF
	case r.Context().Err() != nil:
		return nil, context.Cause(r.Context())
	case f.refuse != "":
		return answered(http.StatusNotFound, io.NopCloser(strings.NewReader(envelope(f.refuse)))), nil
	case strings.HasSuffix(r.URL.Path, "/work"):
		return f.openLocked(r), nil
	case r.Method == http.MethodGet:
		return answered(200, io.NopCloser(strings.NewReader(`{"type":"queue","config":{"lease_ms":3000}}`))), nil
	}
	_, verb, _ := strings.Cut(r.URL.Path, "/v0/topics/q/")
	var body settleRequest
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	return answered(200, io.NopCloser(strings.NewReader(f.settleLocked(verb, &body)))), nil
}

func answered(status int, body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: body, ContentLength: -1}
}

func (f *worked) settleLocked(verb string, body *settleRequest) string {
	reasons := map[string]string{}
	skipped := []uint64{}
	call := verb
	if body.Unstarted {
		call += " unstarted"
	}
	for i, seq := range body.Seqs {
		call += fmt.Sprint(" ", seq)
		j := f.jobs[seq]
		switch {
		case j == nil:
			reasons[fmt.Sprint(seq)] = SkippedGone
		case j.lease != body.Leases[i] || j.node != body.Node:
			reasons[fmt.Sprint(seq)] = SkippedExpired
		case verb == "ack":
			f.releaseLocked(j)
			delete(f.jobs, seq)
			continue
		case verb == "nack":
			if body.Unstarted {
				j.deliveries--
			}
			f.releaseLocked(j)
			if body.DelayMS != nil {
				j.lease = "delayed"
				time.AfterFunc(time.Duration(*body.DelayMS)*time.Millisecond, func() { f.release(j, "delayed") })
			}
			continue
		case verb == "extend":
			j.expiry.Reset(time.Duration(body.LeaseMS) * time.Millisecond)
			continue
		}
		skipped = append(skipped, seq)
	}
	for _, s := range f.streams {
		s.leaving = s.leaving || body.Leaving && s.node == body.Node
	}
	f.calls = append(f.calls, call)
	f.pushLocked()
	words, _ := json.Marshal(reasons)
	list, _ := json.Marshal(skipped)
	return fmt.Sprintf(`{"%sed":%d,"skipped":%s,"reasons":%s}`, verb, len(body.Seqs)-len(skipped), list, words)
}

// release ends a lease that is over.
func (f *worked) release(j *workedJob, lease string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if j.lease != lease {
		return
	}
	if s := j.stream; s != nil {
		s.events <- fmt.Sprintf("event: lost\ndata: {\"topic\":\"q\",\"$seq\":%d,\"lease_id\":%q,\"reason\":\"expired\"}\n\n", j.seq, j.lease)
	}
	f.releaseLocked(j)
	f.pushLocked()
}

func (f *worked) releaseLocked(j *workedJob) {
	if j.expiry != nil {
		j.expiry.Stop()
	}
	j.lease, j.stream, j.node = "", nil, ""
}

// pushLocked gives ready jobs to the streams that have room.
func (f *worked) pushLocked() {
	ready := []*workedJob{}
	for _, j := range f.jobs {
		if j.lease == "" {
			ready = append(ready, j)
		}
	}
	slices.SortFunc(ready, func(a, b *workedJob) int { return cmp.Compare(a.seq, b.seq) })
	for _, j := range ready {
		for _, s := range f.streams {
			held := 0
			for _, other := range f.jobs {
				if other.stream == s {
					held++
				}
			}
			if held >= s.max || s.leaving {
				continue
			}
			f.leases++
			lease := fmt.Sprintf("lease_%d", f.leases)
			j.lease, j.node, j.stream = lease, s.node, s
			j.deliveries++
			j.expiry = time.AfterFunc(s.lease, func() { f.release(j, lease) })
			s.events <- fmt.Sprintf("event: job\nid: %d\ndata: {\"topic\":\"q\",\"$seq\":%d,\"lease_id\":%q,\"deadline\":1,\"$ts\":1,\"deliveries\":%d,\"data\":%d}\n\n",
				j.seq, j.seq, lease, j.deliveries, j.seq)
			break
		}
	}
}

// openLocked opens a stream.
func (f *worked) openLocked(r *http.Request) *http.Response {
	q := r.URL.Query()
	s := &workedStream{node: q.Get("node"), events: make(chan string, 1000)}
	if _, err := fmt.Sscan(q.Get("max"), &s.max); err != nil {
		f.t.Error(err)
	}
	var ms int64
	if _, err := fmt.Sscan(q.Get("lease_ms"), &ms); err != nil {
		f.t.Error(err)
	}
	s.lease = time.Duration(ms) * time.Millisecond
	ctx, cut := context.WithCancel(r.Context())
	s.cut = cut
	read, write := io.Pipe()
	context.AfterFunc(ctx, func() { write.CloseWithError(errors.New("cut")) })
	go func() {
		defer f.close(s)
		beat := time.NewTicker(defaultHeartbeat)
		defer beat.Stop()
		for {
			e := ": hb 1\n\n"
			select {
			case e = <-s.events:
			case <-beat.C:
			case <-ctx.Done():
				return
			}
			if _, err := io.WriteString(write, e); err != nil {
				return
			}
		}
	}()
	f.streams = append(f.streams, s)
	f.pushLocked()
	return answered(200, read)
}

// close releases what a stream holds.
func (f *worked) close(s *workedStream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.cut()
	f.streams = slices.DeleteFunc(f.streams, func(o *workedStream) bool { return o == s })
	for _, j := range f.jobs {
		if j.stream == s && !f.durable {
			if s.leaving {
				j.deliveries--
			}
			f.releaseLocked(j)
		}
	}
	f.pushLocked()
}
