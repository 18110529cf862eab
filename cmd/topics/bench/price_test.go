package bench

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

func TestParseSwitches(t *testing.T) {
	const status = "Name:\ttopics\nThreads:\t9\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t7\n"
	if got := parseSwitches([]byte(status)); got != 157 {
		t.Errorf("got %d, want 157", got)
	}
	if got := parseSwitches([]byte("Name:\ta\n\nvoluntary_ctxt_switches:\tx\n")); got != 0 {
		t.Errorf("got %d without a number", got)
	}
}

func TestParseCalls(t *testing.T) {
	const summary = `strace: Process 12 attached with 2 threads
strace: Process 12 detached
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000300           3       100        20 futex
 40.00    0.000200           4        50           write
------ ----------- ----------- --------- --------- ----------------
100.00    0.000500           3       150        20 total
`
	if got, err := parseCalls(summary); got != 150 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	for _, bad := range []string{"", "100.00 0.1 total\n", "strace: attach: Operation not permitted\n", "100.00 0.1 3 x total\n"} {
		if got, err := parseCalls(bad); err == nil {
			t.Errorf("%q has %d calls", bad, got)
		}
	}
}

// The calls of a process are counted, whatever it does.
func TestCountCalls(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cmd := exec.Command("sh", "-c", "while :; do read line < /dev/null; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // it does not end by itself
		_ = cmd.Wait()         // by the signal
	}()
	n := int64(0)
	calls, err := countCalls(t.Context(), cmd.Process.Pid, 50*time.Millisecond, func() int64 { n++; return n })
	if err != nil || calls <= 0 {
		t.Errorf("counted %v, %v", calls, err)
	}
	if _, err := countCalls(t.Context(), 1<<22+1, time.Second, func() int64 { return 0 }); err == nil {
		t.Error("counted the calls of no process")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := countCalls(ended, cmd.Process.Pid, 50*time.Millisecond, func() int64 { return 0 }); err == nil {
		t.Error("counted after the end")
	}
}

func TestReadingSince(t *testing.T) {
	began := time.Unix(1, 0)
	before := reading{at: began, records: 5, switches: 7, usage: load.Usage{Client: time.Second, Server: 2 * time.Second}}
	after := reading{at: began.Add(time.Second), records: 15, switches: 10, usage: load.Usage{Client: 3 * time.Second, Server: 5 * time.Second}}
	want := reading{at: after.at, elapsed: time.Second, records: 10, switches: 3, usage: load.Usage{Client: 2 * time.Second, Server: 3 * time.Second}}
	if got := after.since(before); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := readPrice(os.Getpid(), 3); got.records != 3 || got.switches == 0 {
		t.Errorf("of this process: %+v", got)
	}
}
