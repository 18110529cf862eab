package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

func TestDrain(t *testing.T) {
	dir := t.TempDir()
	for delay := time.Second; ; delay *= 4 {
		err := drain(t, dir, delay)
		if err == nil {
			break
		}
		if t.Logf("with a delay of %v: %v", delay, err); delay > 10*time.Second {
			t.Fatal("and no longer one is tried")
		}
	}

	server := serve(t, dir).ready()
	var report struct {
		CleanShutdown  bool  `json:"clean_shutdown"`
		BytesTruncated int64 `json:"bytes_truncated"`
	}
	get(t, server.url()+"/v0/recovery", http.StatusOK, &report)
	if !report.CleanShutdown || report.BytesTruncated != 0 {
		t.Errorf("recovery saw %+v", report)
	}
}

// drain drains a server with a delay, during which everything is served. It
// returns an error if the delay was over before everything was tested, which
// happens on a machine that stalls.
func drain(t *testing.T, dir string, delay time.Duration) error {
	t.Helper()
	server := serve(t, dir, fmt.Sprint("TOPICS_DRAIN_DELAY_MS=", delay.Milliseconds())).ready()
	c, ctx := server.client(), context.Background()
	head := write(t, c, topic, `1`)
	poll := make(chan error, 1)
	go func() {
		_, err := c.Diff(ctx, topic, client.Query{From: head, Wait: 30 * time.Second})
		poll <- err
	}()

	began := time.Now()
	server.signal(syscall.SIGTERM)
	served := func() error {
		for {
			r, err := c.Ready(ctx)
			if err != nil {
				return fmt.Errorf("readiness: %w", err)
			}
			if !r.Ready && r.Code == client.CodeShuttingDown {
				break
			}
		}
		// Load balancers have not noticed yet: everything is served.
		w, err := c.Append(ctx, topic, &client.Write{Entries: []client.Entry{{Data: []byte(`2`)}}})
		if err == nil && w.LastSeq != head+1 {
			t.Errorf("seq %d while draining", w.LastSeq)
		}
		return errors.Join(err, <-poll)
	}()
	took := time.Since(began)
	if code := server.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if d := time.Since(began); d < delay {
		t.Errorf("the drain took %s", d)
	}
	if served != nil && took < delay {
		t.Errorf("%v after %v", served, took)
		return nil
	}
	return served
}

func TestDrainEndsLongPolls(t *testing.T) {
	const wait = 30 * time.Second // the longest wait that is allowed
	server := serve(t, t.TempDir()).ready()
	c := server.client()
	write(t, c, topic, `1`)
	poll := make(chan error, 1)
	fresh := server.client() // has a connection of its own
	began := time.Now()
	go func() {
		_, err := fresh.Diff(context.Background(), topic, client.Query{From: 1, Wait: wait})
		poll <- err
	}()
	server.until("the poll has been taken up", func() bool {
		var state struct {
			LastRead *int64 `json:"last_read_ts"`
		}
		get(t, server.url()+"/v0/topics/"+topic+"?touch=false", http.StatusOK, &state)
		return state.LastRead != nil
	})
	server.stop()
	if d := time.Since(began); d >= wait {
		t.Errorf("the drain ended %s after the poll began", d)
	}
	// It is answered: either empty, or refused because it was too late.
	if err := <-poll; err != nil {
		isCode(t, err, client.CodeShuttingDown)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, dir, "TOPICS_DRAIN_DELAY_MS=60000", "TOPICS_DRAIN_TIMEOUT_MS=120000").ready()
	write(t, server.client(), topic, `1`)
	server.signal(syscall.SIGTERM)
	server.until("it drains", func() bool { return strings.Contains(server.stderr.String(), "draining") })
	server.signal(syscall.SIGTERM)
	if code := server.exit(); code == 0 {
		t.Error("exit code 0 after a second signal")
	}
	server = serve(t, dir).ready()
	if seq := write(t, server.client(), topic, `2`); seq != 2 {
		t.Errorf("seq %d after it", seq)
	}
}
