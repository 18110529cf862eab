package attack

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestHarm(t *testing.T) {
	const limit = 256 << 20
	good := Result{Seconds: 10, Served: 1000, P99MS: 5, PeakBytes: 200 << 20}
	for _, row := range []struct {
		want   string
		change func(*Result)
	}{
		{"", func(*Result) {}},
		{"the server died", func(r *Result) { r.Died = "signal: killed" }},
		{"beyond the limit", func(r *Result) { r.PeakBytes = limit + 1 }},
		{"errors", func(r *Result) { r.Errors = 1 }},
		{"", func(r *Result) { r.Unreached = 10 }},
		{"unreached", func(r *Result) { r.Unreached = 11 }},
		{"starved", func(r *Result) { r.Served = 49 }},
		{"slow", func(r *Result) { r.P99MS = 2001 }},
	} {
		r := good
		row.change(&r)
		if got := r.Harm(limit); got != row.want {
			t.Errorf("%+v: %q, want %q", r, got, row.want)
		}
		report := Report{LimitBytes: limit, Results: []Result{good, r}}
		if broken := report.Broken(); (broken == 1) != (row.want != "") {
			t.Errorf("%d of them succeeded: %q", broken, row.want)
		}
		var table bytes.Buffer
		if err := report.WriteTable(&table); err != nil || !strings.Contains(table.String(), row.want) {
			t.Errorf("%v\n%s", err, table.String())
		}
	}
}

func TestOptions(t *testing.T) {
	good := Cmd{Each: time.Second, Scale: 1, Memory: 256, Only: []string{"h2"}}
	if err := good.Validate(); err != nil || !good.wants("h2-window") || good.wants("cold") {
		t.Errorf("%v, %+v", err, good)
	}
	for _, change := range []func(*Cmd){
		func(c *Cmd) { c.Each = 0 },
		func(c *Cmd) { c.Scale = 0 },
		func(c *Cmd) { c.Memory = 1 },
		func(c *Cmd) { c.Only = []string{"none", "nuisance"} },
	} {
		bad := good
		change(&bad)
		if bad.Validate() == nil {
			t.Errorf("%+v passed", bad)
		}
	}
}

// A header block longer than a frame continues in others.
func TestAppendRequest(t *testing.T) {
	b := appendRequest(nil, 7, "/", 40_000)
	var kinds []byte
	for len(b) > 0 {
		n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		if b[8] != 7 || n > mostFrame {
			t.Fatalf("a frame of %d bytes for stream %d", n, b[8])
		}
		kinds = append(kinds, b[3], b[4])
		b = b[9+n:]
	}
	want := []byte{frameHeaders, flagEndStream, frameMore, 0, frameMore, flagEndHeaders}
	if !bytes.Equal(kinds, want) {
		t.Errorf("types and flags are %v, want %v", kinds, want)
	}
}
