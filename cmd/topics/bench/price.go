package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

// reading is what a server has done, and what that took: since its start, or
// between two readings.
type reading struct {
	at       time.Time
	elapsed  time.Duration
	records  int64
	usage    load.Usage
	switches int64 // context switches of all its threads
}

// readPrice reads what a server has done. records are those acknowledged so far.
func readPrice(pid int, records int64) reading {
	return reading{at: time.Now(), records: records, usage: load.ReadUsage(pid), switches: readSwitches(pid)}
}

func (r reading) since(before reading) reading {
	return reading{
		at: r.at, elapsed: r.at.Sub(before.at), records: r.records - before.records, switches: r.switches - before.switches,
		usage: load.Usage{Client: r.usage.Client - before.usage.Client, Server: r.usage.Server - before.usage.Server},
	}
}

// runner is one connection of a load.
type runner interface {
	// Run exchanges until the phase is over. Only what begins and ends while
	// measuring counts as taken time.
	Run(phase *atomic.Int32)
	// Outcome returns the times taken, and the error that ended Run.
	Outcome() ([]time.Duration, error)
}

// mostCounted bounds how long system calls are counted.
const mostCounted = 300 * time.Millisecond

// priced is what a load took.
type priced struct {
	reading
	took  []time.Duration
	calls float64 // system calls of the server for each record
	// uncounted is why there are no calls.
	uncounted error
}

// price runs a load for a warm-up and a measured interval, and then for as long as
// counting system calls takes. records returns those acknowledged so far.
func (b *bench) price(ctx context.Context, pid int, all []runner, records func() int64) (p priced, err error) {
	var (
		phase   atomic.Int32
		running sync.WaitGroup
	)
	for _, r := range all {
		running.Go(func() { r.Run(&phase) })
	}
	load.Pause(ctx, b.cmd.Warmup)
	before := readPrice(pid, records())
	phase.Store(load.Measuring)
	load.Pause(ctx, b.cmd.Interval)
	for slow := time.Now(); records() == before.records && time.Since(slow) < load.ExchangeTimeout && ctx.Err() == nil; {
		load.Pause(ctx, b.cmd.Interval) // a sync for each of 1,600 records in flight takes longer
	}
	p.reading = readPrice(pid, records()).since(before)
	phase.Store(load.Warming)
	p.calls, p.uncounted = countCalls(ctx, pid, min(b.cmd.Interval, mostCounted), records)
	phase.Store(load.Over)
	running.Wait()
	errs := []error{ctx.Err()}
	for _, r := range all {
		took, err := r.Outcome()
		p.took, errs = append(p.took, took...), append(errs, err)
	}
	return p, errors.Join(errs...)
}

// readSwitches adds up the context switches of a process's threads; 0 if there is no
// /proc.
func readSwitches(pid int) (n int64) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid)) // the pattern is well formed
	for _, file := range files {
		status, err := os.ReadFile(file)
		if err == nil { // the thread may have ended
			n += parseSwitches(status)
		}
	}
	return n
}

// parseSwitches adds up both kinds of context switches in a /proc status file.
func parseSwitches(status []byte) (n int64) {
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.HasSuffix(name, []byte("voluntary_ctxt_switches")) {
			more, _ := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64) // 0 if it is no number
			n += more
		}
	}
	return n
}

// countCalls returns how many system calls a process makes for each record, during some time. It
// counts them with strace, under which the process is slower, and therefore apart
// from what else is measured.
func countCalls(ctx context.Context, pid int, during time.Duration, records func() int64) (float64, error) {
	cmd := exec.CommandContext(ctx, "strace", "-c", "-f", "-p", strconv.Itoa(pid))
	cmd.WaitDelay = time.Second
	out := &attached{seen: make(chan struct{})}
	cmd.Stderr = out
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-out.seen:
	case err := <-ended:
		return 0, fmt.Errorf("strace ended: %w: %.300s", err, out.text.String())
	}
	before := records()
	load.Pause(ctx, during)
	n := records() - before
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		return 0, err
	}
	<-ended // with the signal
	calls, err := parseCalls(out.text.String())
	if err != nil || n == 0 {
		return 0, errors.Join(err, ctx.Err())
	}
	return float64(calls) / float64(n), nil
}

// attached is the output of strace. seen is closed when it has attached.
type attached struct {
	text strings.Builder // read after the end of the process
	seen chan struct{}
	was  bool
}

func (a *attached) Write(p []byte) (int, error) {
	n, err := a.text.Write(p)
	if !a.was && strings.Contains(a.text.String(), " attached") {
		a.was = true
		close(a.seen)
	}
	return n, err
}

// parseCalls finds the number of calls in strace's summary: the fourth column of
// its last line.
func parseCalls(summary string) (int64, error) {
	for line := range strings.Lines(summary) {
		fields := strings.Fields(line)
		if len(fields) >= 5 && fields[len(fields)-1] == "total" {
			return strconv.ParseInt(fields[3], 10, 64)
		}
	}
	return 0, fmt.Errorf("strace printed no total: %.300s", summary)
}
