package manage

import (
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

func TestSettings(t *testing.T) {
	for text, want := range map[string]string{
		"ttl=7d":             `{"ttl_ms":604800000}`,
		"ttl_ms=90":          `{"ttl_ms":90}`,
		"lease=1m30s":        `{"lease_ms":90000}`,
		"cap_bytes=64MiB":    `{"cap_bytes":67108864}`,
		"cap=1GB":            `{"cap_bytes":1000000000}`,
		"cap=4096":           `{"cap_bytes":4096}`,
		"cap_records=5":      `{"cap_records":5}`,
		"durability=fsync":   `{"durability":"fsync"}`,
		"auto_priority=0":    `{"auto_priority":false}`,
		"priority=none":      `{"priority":null}`,
		"dead_letter=null":   `{"dead_letter":null}`,
		"dead_letter=a=b":    `{"dead_letter":"a=b"}`,
		"cap=99999999999TiB": "",
		"cap=much":           "",
		"ttl=soon":           "",
		"ttl":                "",
		"paused=maybe":       "",
		"cap_records=1e3":    "",
		"tll=1":              "",
	} {
		s, err := parseSetting(text)
		if err == nil && string(object([]setting{s})) != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v; want %s", text, object([]setting{s}), err, want)
		}
	}
	if _, err := parseSetting("durabilty=disk"); remote.Advice(err) != "Did you mean durability?" {
		t.Errorf("%q", remote.Advice(err))
	}
}

// An error of a file has its line.
func TestFileFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "the file is empty",
		"topic: {}":                          `line 1: unknown name "topic"`,
		"topics: [a]":                        "line 1: names with values are expected",
		"topics:\n  a: {ttl: [1]}":           "line 2: ttl is one value",
		"topics:\n  a:\n    tll: 1":          `line 3: a topic has no setting "tll"`,
		"routers:\n  r: {source: a}":         "line 2: router r needs a source and a dest",
		"routers:\n  r: {sauce: a, dest: b}": `line 2: unknown name "sauce"`,
		"topics: {":                          "line 1",
	} {
		if _, err := parseFile([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	f, err := parseFile([]byte("topics:\n  a:\n  b: {ttl: 1s}\nrouters:\n  r: {source: a, dest: b, filter: x*, preserve_tag: false}\n"))
	if err != nil || len(f.topics) != 2 || len(f.routers) != 1 || f.routers[0].router.Filter[1] != "Glob" || *f.routers[0].router.PreserveTag {
		t.Errorf("%+v, %v", f, err)
	}
}
