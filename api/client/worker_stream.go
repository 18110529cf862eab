package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// stream receives jobs until ctx is done or a failure that retries cannot
// resolve.
func (w *worker) stream(ctx context.Context) error {
	var deadline time.Time // set on the first failure since the last sign of life
	for n := 0; ; n++ {
		news := false
		err := w.receive(ctx, &news)
		if ctx.Err() != nil {
			return nil
		}
		w.doubt()
		if news {
			n, deadline = 0, time.Time{}
		}
		if w.c.retryFor == 0 || !resumable(err) {
			return err
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(w.c.retryFor)
		}
		if !time.Now().Before(deadline) {
			return gaveUp(w.c.retryFor, err)
		}
		if w.c.retrying != nil {
			w.c.retrying(err)
		}
		if !sleep(ctx, min(pause(n, err), time.Until(deadline))) {
			return nil
		}
		if w.isStopping() {
			return nil // there is nothing more to receive
		}
	}
}

func (w *worker) isStopping() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopping
}

// receive opens the stream and takes what it brings until it breaks. It sets
// news on a sign of life.
func (w *worker) receive(ctx context.Context, news *bool) error {
	query := url.Values{
		"node":     {w.o.Node},
		"max":      {strconv.Itoa(w.o.Parallel + w.o.Ahead)},
		"lease_ms": {strconv.FormatInt(w.o.Lease.Milliseconds(), 10)},
	}
	return w.c.listen(ctx, call{method: http.MethodGet, path: topicPath(w.queue) + "/work", query: query}, &listener{
		silence: defaultHeartbeat + w.c.timeout,
		opened:  func() {},
		alive:   func() { *news = true },
		take:    w.take,
	})
}

// take takes one message.
func (w *worker) take(m message) error {
	switch m.event {
	case "job":
		job := new(Job)
		if err := job.UnmarshalJSON(m.data); err != nil {
			return fmt.Errorf("event %q of a worker: %w", m.event, err)
		}
		w.accept(job)
	case "lost":
		var lost struct {
			Lease  string `json:"lease_id"`
			Reason string `json:"reason"`
		}
		if err := json.Unmarshal(m.data, &lost); err != nil {
			return fmt.Errorf("event %q of a worker: %w", m.event, err)
		}
		w.lose(lost.Lease, lost.Reason)
	case "topic-deleted":
		w.loseAll(SkippedGone)
		return &Error{
			Status: http.StatusNotFound, Code: CodeTopicNotFound,
			Message: fmt.Sprintf("queue %q was deleted", w.queue),
		}
	case "error":
		return readFault(m.data)
	}
	return nil
}
