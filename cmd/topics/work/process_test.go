//go:build unix

package work

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// output is a file that collects what commands print.
func output(t *testing.T) (f *os.File, read func() string) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, func() string {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func runner(t *testing.T, command string) (r *run, read func() string) {
	t.Helper()
	f, read := output(t)
	return &run{out: f, err: f, command: command, queue: "q"}, read
}

// A command gets the data as it is, and the rest in variables; what the job has
// not is not set, whatever this process has.
func TestCommandGetsTheJob(t *testing.T) {
	t.Setenv("TOPICS_JOB_TAG", "of another job")
	tag, data := "order-7 é", "{\"a\":\n 1.50, \"z\":\""+strings.Repeat("x", 1<<20)+"\"}"
	job := &client.Job{
		Record: client.Record{Seq: 18446744073709551615, TS: 5, Tag: &tag, Data: []byte(data), Meta: []byte(`{"m": "it's"}`), Group: "g h", Priority: -4},
		Lease:  "lease_0a", Deadline: 77, Deliveries: 3,
	}
	r, read := runner(t, `env | grep ^TOPICS_JOB_; cat`)
	if err := r.commands.run(t.Context(), r.process(t.Context(), job)); err != nil {
		t.Fatal(err)
	}
	got, ok := strings.CutSuffix(read(), data)
	if !ok {
		t.Fatal("the data is not as it was")
	}
	lines := strings.Split(strings.TrimSpace(got), "\n")
	slices.Sort(lines)
	if want := "TOPICS_JOB_DEADLINE=77 TOPICS_JOB_DELIVERIES=3 TOPICS_JOB_GROUP=g h TOPICS_JOB_LEASE=lease_0a TOPICS_JOB_META={\"m\": \"it's\"} " +
		"TOPICS_JOB_PRIORITY=-4 TOPICS_JOB_QUEUE=q TOPICS_JOB_SEQ=18446744073709551615 TOPICS_JOB_TAG=order-7 é TOPICS_JOB_TS=5"; strings.Join(lines, " ") != want {
		t.Errorf("got %q, want %q", lines, want)
	}
	for _, v := range variables("q", &client.Job{Record: client.Record{Group: "a\x00b"}}) {
		if strings.Contains(v, "\x00") || strings.Contains(v, "TAG") {
			t.Errorf("%q", v)
		}
	}
}

// The exit code is the outcome. Input that is not read, and a process that is
// left behind with the input, are no failures.
func TestCommandEnds(t *testing.T) {
	large := &client.Job{Record: client.Record{Seq: 1, Data: bytes.Repeat([]byte("1"), 1<<20)}}
	for command, fails := range map[string]bool{
		"exit 0": false, "exit 1": true, "exit 75": true, "kill -9 $$": true, "/no/such/program": true, "true": false,
	} {
		r, _ := runner(t, command)
		err := r.commands.run(t.Context(), r.process(t.Context(), large))
		if (err != nil) != fails {
			t.Errorf("%s: %v", command, err)
		}
	}
	r, _ := runner(t, "true")
	cmd := r.process(t.Context(), large)
	cmd.Path = "/no/such/shell"
	var how *client.ReturnError
	if err := r.commands.run(t.Context(), cmd); !errors.As(err, &how) || !how.Unstarted {
		t.Errorf("a command that cannot be started: %v", err)
	}
}

// A command whose lease is lost is told to end with all its processes, and is
// killed if it does not.
func TestCommandIsEnded(t *testing.T) {
	for name, command := range map[string]string{
		"ends":    `trap 'echo told; exit 0' TERM; echo up; sleep 60 & wait`,
		"ignores": `trap 'echo told' TERM; echo up; while true; do sleep 60; done`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := ""
			for patience := killAfter; told == "" && patience < 5*time.Minute; patience *= 4 { // the machine may stall
				r, read := runner(t, command)
				ctx, cancel := context.WithCancelCause(t.Context())
				cmd := r.process(ctx, &client.Job{})
				cmd.WaitDelay = patience
				done := make(chan error, 1)
				go func() { done <- r.commands.run(ctx, cmd) }()
				waitFor(t, "it is up", func() bool { return strings.Contains(read(), "up") })
				lost := &client.LeaseLost{Seq: 1, Reason: "expired"}
				cancel(lost)
				if err := <-done; !errors.Is(err, lost) {
					t.Error(err)
				}
				_, told, _ = strings.Cut(read(), "told")
			}
			if told == "" {
				t.Error("it was not told to end")
			}
		})
	}
}

// Signals go to all commands that run.
func TestSignals(t *testing.T) {
	r, read := runner(t, `trap 'echo told; exit 0' USR1; echo up; while true; do sleep 0.01; done`)
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- r.commands.run(t.Context(), r.process(t.Context(), &client.Job{})) }()
	}
	waitFor(t, "both are up", func() bool { return strings.Count(read(), "up") == 2 })
	r.commands.signal(syscall.SIGUSR1, false)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if strings.Count(read(), "told\n") != 2 { // the shell may say more
		t.Errorf("printed %q", read())
	}
	r.commands.signal(syscall.SIGUSR1, false) // there is none
}

// A command that is told to end because the worker stops has not failed.
func TestCommandsToldToEnd(t *testing.T) {
	r, read := runner(t, `echo up; sleep 60`)
	done := make(chan error, 1)
	go func() { done <- r.commands.run(t.Context(), r.process(t.Context(), &client.Job{})) }()
	waitFor(t, "it is up", func() bool { return read() == "up\n" })
	r.commands.signal(syscall.SIGTERM, true)
	var how *client.ReturnError
	if err := <-done; !errors.As(err, &how) || !how.Unstarted {
		t.Error(err)
	}
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("never: %s", what)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		change func(*Cmd)
		ok     bool
	}{
		{func(*Cmd) {}, true},
		{func(c *Cmd) { c.Exec = "" }, false},
		{func(c *Cmd) { c.Parallel = 0 }, false},
		{func(c *Cmd) { c.Parallel = 1001 }, false},
		{func(c *Cmd) { c.Ahead = -1 }, false},
		{func(c *Cmd) { c.Lease = -1 }, false},
		{func(c *Cmd) { c.Stop = 0 }, false},
	} {
		c := &Cmd{Exec: "true", Parallel: 1, Stop: time.Second}
		tt.change(c)
		if err := c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Each kind of end has its own line and count.
func TestEnded(t *testing.T) {
	r, read := runner(t, "")
	job := &client.Job{Record: client.Record{Seq: 4}, Deliveries: 2}
	for _, e := range []client.Ended{
		{Job: job}, {Job: job}, {Job: job, Unbegun: true}, {Job: job, Err: io.EOF}, {Job: job, Lost: "expired"}, {Job: job, Failure: io.ErrUnexpectedEOF},
	} {
		r.ended(e)
	}
	const want = "work: job 4, delivery 2: EOF; it goes back\n" +
		"work: job 4: its lease was lost (expired), and it may be delivered again\n" +
		"work: job 4: the queue may not know how it ended, and may deliver it again: unexpected EOF\n"
	if read() != want || r.summary() != "work: q: 2 jobs acked, 2 given back, 2 lost" {
		t.Errorf("printed %q, %q", read(), r.summary())
	}
}
