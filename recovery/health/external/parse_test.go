package external

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"db=tcp://db:5432":          "db=tcp://db:5432;interval=10s,timeout=2s,affects=health",
		"db=tcp://[::1]:5432":       "db=tcp://[::1]:5432;interval=10s,timeout=2s,affects=health",
		"a=file:/run/ok":            "a=file:/run/ok;interval=10s,timeout=2s,affects=health",
		"a=file:///run/a%20b":       "a=file:///run/a%20b;interval=10s,timeout=2s,affects=health",
		"w=https://h:8/x?y=z":       "w=https://h:8/x?y=z;interval=10s,timeout=2s,affects=health",
		"w=http://h;interval=500ms": "w=http://h;interval=500ms,timeout=500ms,affects=health",
		"w=http://h/a;b":            "!check 1, \"w\": \"b\" is not of the form option=value",
		"  a=http://h  b=tcp://h:1;timeout=250,affects=liveness,interval=1m ": "a=http://h;interval=10s,timeout=2s,affects=health " +
			"b=tcp://h:1;interval=1m0s,timeout=250ms,affects=liveness",

		"db":                                 `!check 1, "db": it has no target; write name=http://host/path`,
		"DB=http://h":                        `!check 1, "DB": a name has 1 to 64`,
		"log=http://h":                       `!check 1, "log": "log" is a check of the server's own: choose another name`,
		"a=http://h b=tcp://h":               `!check 2, "b": the target is not tcp://host:port; write`,
		"a=http://h a=tcp://h:1":             `!check 2, "a": the name is there twice`,
		"a=tcp://h:1/x":                      "!the target is not tcp://host:port",
		"a=http:///x":                        "!the target has no host",
		"a=http://u:secret@h/":               "!a user or a password",
		"a=ftp://h":                          "!none of http, https, tcp and file",
		"a=h:1":                              "!none of http",
		"a=file:run/ok":                      "!the target is not file:/path",
		"a=file://host/run":                  "!the target is not file:/path",
		"a=http://h;every=1s":                `!"every" is no option`,
		"a=http://h;interval=1s,interval=2s": "!interval is there twice",
		"a=http://h;interval=1":              "!interval: 1 is out of range: 100ms to 1h0m0s",
		"a=http://h;timeout=2m":              "!timeout: 2m is out of range: 10ms to 1m0s",
		"a=http://h;timeout=soon":            `!timeout: "soon" is no duration such as 500ms, 10s or 5m`,
		"a=http://h;affects=server":          `!affects: "server" is none of health, readiness, liveness`,
		"a=http://h;":                        "!not of the form option=value",
	} {
		specs, err := Parse(text)
		if complaint, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), complaint) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: %v, want %q", text, err, complaint)
			}
			continue
		}
		var got []string
		for _, s := range specs {
			got = append(got, s.String())
		}
		if list := strings.Join(got, " "); err != nil || list != want {
			t.Errorf("%q is %q, %v; want %q", text, list, err, want)
			continue
		}
		again, err := Parse(want)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(specs) {
			t.Errorf("%q is read as %v, %v", want, again, err)
		}
	}
}

// Each check that is wrong is a line, and so are more than there may be.
func TestParseFindsAllThatIsWrong(t *testing.T) {
	if _, err := Parse("a b=ftp://h c=http://h"); err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("%v", err)
	}
	var list strings.Builder
	for i := range MaxChecks + 1 {
		fmt.Fprintf(&list, "a%d=http://h ", i)
	}
	if _, err := Parse(list.String()); err == nil || err.Error() != "33 checks; at most 32 are allowed" {
		t.Errorf("%v", err)
	}
}
