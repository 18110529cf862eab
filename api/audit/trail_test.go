package audit

import (
	"context"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// The trail is a plain list of all calls, of which it keeps the last ones: with reads and
// without, and no read is lost that is not counted.
func TestTrailAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := new(call.Bounds)
		bounds.Set(context.Background(), &call.Options{Limits: new(wire.Limits), Keys: new(auth.Keys)})
		now := time.UnixMilli(1_000_000)
		trail := New(zerolog.Nop(), func() time.Time { return now }, bounds)
		type line struct {
			target string
			read   bool
		}
		var lines []line // what is to be shown, the oldest first
		noted := map[string]time.Time{}
		calls := int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-100, 40_000).Draw(t, "ms")) * time.Millisecond)
			few := rapid.Bool().Draw(t, "few")
			isRead := rapid.IntRange(0, 3).Draw(t, "read") > 0
			for i := range rapid.IntRange(1, 300).Draw(t, "calls") {
				target := "t" + strconv.Itoa(i)
				if few {
					target = "t" + strconv.Itoa(i%3)
				}
				c := &call.Call{Request: httptest.NewRequest("GET", "/", nil), Key: auth.Anonymous(), Route: &call.Route{Method: "GET", Kind: call.Admin}, Status: 200}
				if isRead {
					c.Route.Kind = call.AdminRead
					calls++
				}
				trail.Note(c, target, "", now)
				if isRead {
					at, known := noted[target]
					if age := now.Sub(at); known && age >= 0 && age < repeatTime {
						continue
					}
					noted[target] = now
				}
				lines = append(lines, line{target, isRead})
			}
		}
		for _, reads := range []bool{true, false} {
			var want []string
			for _, l := range slices.Backward(lines) {
				if (reads || !l.read) && len(want) < Kept {
					want = append(want, l.target)
				}
			}
			var got []string
			for _, e := range trail.last(Kept, reads, func(*Entry) bool { return true }) {
				got = append(got, e.Target)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("reads %v: %d entries, want %d: %q, want %q", reads, len(got), len(want), got, want)
			}
			if n := trail.count(reads); n != len(want) {
				t.Fatalf("%d entries can be shown, want %d", n, len(want))
			}
		}
		found := trail.repeats.left
		for _, of := range trail.repeats.reads {
			found += of.n
		}
		onLines := int64(0)
		for i := range lines {
			if lines[i].read {
				onLines++
			}
		}
		for i := range trail.reads.entries {
			found += trail.reads.entries[i].Suppressed
		}
		if len(trail.reads.entries) < Kept && found+onLines != calls {
			t.Fatalf("%d reads are counted beside %d lines, of %d", found, onLines, calls)
		}
	})
}

// Reads that are remembered no more leave the number of their repeats to the next line.
func TestForgottenRepeatsAreCounted(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	var r repeats
	read := func(i int) (*Entry, bool) {
		e := &Entry{Route: "GET /", Target: strconv.Itoa(i), Outcome: "ok"}
		return e, r.fold(e, now)
	}
	for i := range maxReads {
		if _, repeats := read(i); repeats {
			t.Fatalf("read %d is a repeat", i)
		}
	}
	for range 2 {
		if _, repeats := read(7); !repeats {
			t.Error("a repeat is none")
		}
		if _, repeats := read(maxReads); repeats { // there is no room to remember it
			t.Error("a read that is not remembered is a repeat")
		}
	}
	now = now.Add(repeatTime)
	e, _ := read(maxReads + 1)
	if e.Suppressed != 2 || r.left != 0 || len(r.reads) != 1 {
		t.Errorf("%d are suppressed, %d left, %d remembered", e.Suppressed, r.left, len(r.reads))
	}
}

// An entry keeps its target, and not the request that it was a part of.
func TestAuditKeepsNoRequest(t *testing.T) {
	bounds := new(call.Bounds)
	bounds.Set(t.Context(), &call.Options{Limits: new(wire.Limits), Keys: new(auth.Keys)})
	trail := New(zerolog.Nop(), time.Now, bounds)
	path := "/v0/topics/t?" + strings.Repeat("x", 1000)
	c := &call.Call{Request: httptest.NewRequest("DELETE", path, nil), Key: auth.Anonymous(), Route: &call.Route{Method: "DELETE"}}
	trail.Note(c, path[11:12], "", time.Now())
	got := trail.last(1, true, func(*Entry) bool { return true })
	if len(got) != 1 || got[0].Target != "t" {
		t.Fatalf("%+v", got)
	}
	if unsafe.StringData(got[0].Target) == unsafe.StringData(path[11:]) {
		t.Error("the target is a part of the path")
	}
}
