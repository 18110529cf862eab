package records

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

func pointer(s string) *string { return &s }

// Each form prints a record as it says.
func TestForms(t *testing.T) {
	r := &client.Record{
		Seq: 7, TS: 1795263564087, Tag: pointer("t-1"), Node: pointer("n"), Data: []byte("{\"a\":\n\"x\"}"), Meta: []byte(`{"m":1}`),
		Raw: []byte("{\"$seq\":7,\"$ts\":1795263564087,\"$tag\":\"t-1\",\"data\":{\"a\":\n\"x\"}}"),
	}
	for _, tt := range []struct {
		form    Form
		several bool
		want    string
	}{
		{Form{}, false, "{\"$seq\":7,\"$ts\":1795263564087,\"$tag\":\"t-1\",\"data\":{\"a\": \"x\"}}\n"},
		{Form{}, true, "{\"$topic\":\"o\",\"$seq\":7,\"$ts\":1795263564087,\"$tag\":\"t-1\",\"data\":{\"a\": \"x\"}}\n"},
		{Form{Pretty: true}, false, "7  2026-11-21T12:19:24.087Z  t-1  @n  {\"a\": \"x\"}  {\"m\":1}\n"},
		{Form{Pretty: true}, true, "o  7  2026-11-21T12:19:24.087Z  t-1  @n  {\"a\": \"x\"}  {\"m\":1}\n"},
		{Form{Raw: true}, false, "{\"a\": \"x\"}\n"},
		{Form{Format: `{topic}/{seq}\t{ts} {tag}@{node} {data}{meta}.`}, false, "o/7\t1795263564087 t-1@n {\"a\": \"x\"}{\"m\":1}."},
	} {
		if err := tt.form.Validate(); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		p := tt.form.printer(&out, io.Discard, tt.several)
		if err := errors.Join(p.record("o", r), p.out.Flush()); err != nil || out.String() != tt.want {
			t.Errorf("%+v: %q, %v; want %q", tt.form, out.String(), err, tt.want)
		}
	}
	if got := bare([]byte(`"a\nb"`)); got != "a\nb" {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"{sequence}", "{seq", "{}"} {
		if err := (&Form{Format: bad}).Validate(); err == nil {
			t.Errorf("%s is a format", bad)
		}
	}
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"90s": now.Add(-90 * time.Second), "1h": now.Add(-time.Hour), "7d": now.AddDate(0, 0, -7),
		"2026-11-29T00:00:00Z": time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC),
		"yesterday":            {}, "-1h": {}, "-1d": {},
	} {
		got, err := since(text, now)
		if (err == nil) == want.IsZero() || err == nil && !got.Equal(want) {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestField(t *testing.T) {
	for _, tt := range []struct{ data, path, want string }{
		{`{"a":"x\ny"}`, "a", "x\ny"},
		{`{"a":{"b":17}}`, "a.b", "17"},
		{`{"a":true}`, "a", "true"},
		{`{"a":null}`, "a", ""},
		{`{"a":[1]}`, "a", ""},
		{`{"a":1}`, "b", ""},
		{`[1]`, "a", ""},
	} {
		got, err := Field([]byte(tt.data), tt.path)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s of %s: %q, %v", tt.path, tt.data, got, err)
		}
	}
}

// A record that comes alone is written at once; those that come together are
// written together, and the end is found after all of them.
func TestBatches(t *testing.T) {
	in, out := io.Pipe()
	lines := readLines(t.Context(), in)
	write := func(text string) {
		if _, err := io.WriteString(out, text); err != nil {
			t.Error(err)
		}
	}
	write("1\n")
	if b, err := nextBatch(t.Context(), lines); err != nil || len(b) != 1 || string(b[0].text) != "1" {
		t.Errorf("%v, %v", b, err)
	}
	go func() {
		write(strings.Repeat("2\n\n", 2500))
		out.Close()
	}()
	count, last := 0, 0
	for {
		b, err := nextBatch(t.Context(), lines)
		for _, l := range b {
			last = l.number
		}
		if count += len(b); len(b) > batchLines {
			t.Errorf("%d in a batch", len(b))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if count != 2500 || last != 5000 {
		t.Errorf("%d records, the last in line %d", count, last)
	}
}
