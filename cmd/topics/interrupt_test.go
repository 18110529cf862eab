package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestSignalsAtOnce sends a process two signals with nothing between them: it ends,
// wherever the second one finds the handling of the first.
func TestSignalsAtOnce(t *testing.T) {
	if os.Getenv("TOPICS_TEST_SIGNALS") != "" {
		ctx, stop := untilSignalled()
		defer stop()
		os.Stdout.WriteString("waiting")
		<-ctx.Done()
		select {} // as what drains for a minute does
	}
	for range 50 {
		process := exec.Command(os.Args[0], "-test.run=^TestSignalsAtOnce$")
		process.Env = append(os.Environ(), "TOPICS_TEST_SIGNALS=1")
		out, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
			if err := process.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
		}
		err = process.Wait()
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("%v, not ended by a signal", err)
		}
	}
}
