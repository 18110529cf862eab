package terminal

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What is not a terminal gets neither colours nor bars.
func TestPlain(t *testing.T) {
	var out bytes.Buffer
	if Is(&out) || Width(&out) != 80 || Height(&out) != 0 {
		t.Error("a buffer is a terminal")
	}
	if got := ColoursFor(&out).Bad("lost"); got != "lost" {
		t.Errorf("%q", got)
	}
	if got := (Colours{on: true}).Bad("lost"); got != "\x1b[31mlost\x1b[0m" {
		t.Errorf("%q", got)
	}
}

func TestProgressInLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := NewProgress(&out, "copy", 10, false)
		for n := range int64(10) {
			p.Show(n, func() string { return "at it" })
			time.Sleep(time.Second)
		}
		p.End()
		if got := out.String(); got != strings.Repeat("copy: at it\n", 4) {
			t.Errorf("%q", got)
		}
		out.Reset()
		p = NewProgress(&out, "copy", 10, true)
		time.Sleep(time.Minute)
		p.Show(1, func() string { return "at it" })
		if out.Len() > 0 {
			t.Errorf("quiet, but %q", out.String())
		}
	})
}

// Lines of steps stay; a bar is drawn below them and is taken away at the end.
func TestSteps(t *testing.T) {
	work := func(s *Steps) {
		for n := range 4 {
			s.Printf("step %d", n+1)
			s.Done()
		}
		s.Printf("after the last")
		s.Done() // more than there are
		s.End()
		s.Printf("end")
	}
	lines := "step 1\nstep 2\nstep 3\nstep 4\nafter the last\nend\n"
	var plain, drawn bytes.Buffer
	work(NewSteps(&plain, 4))
	if plain.String() != lines {
		t.Errorf("%q", plain.String())
	}
	work(newSteps(&drawn, 4, true))
	for _, bar := range []string{"(0/4)", "(1/4)", "(2/4)", "(3/4)"} {
		if !strings.Contains(drawn.String(), bar) {
			t.Errorf("no bar with %s: %q", bar, drawn.String())
		}
	}
	// What is left is what was written after the last return to the begin of each line.
	left := ""
	for line := range strings.Lines(drawn.String()) {
		left += line[strings.LastIndex(line, "\r")+1:]
	}
	if left != lines {
		t.Errorf("left on the terminal: %q", left)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 5e9: "5.0 GB", 1 << 62: "4.6 EB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestPlot(t *testing.T) {
	var out bytes.Buffer
	plot := Plot(&out, "writes/s", []float64{0, 50, 100, 50})
	lines := strings.Split(plot, "\n")
	if len(lines) <= plotHeight || !strings.HasPrefix(lines[0], " 100 ") || !strings.Contains(plot, "writes/s") {
		t.Errorf("%s", plot)
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if Plot(&out, "", []float64{1}) != "" {
		t.Error("a plot of one value")
	}
}
