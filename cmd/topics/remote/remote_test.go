package remote

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestLocalAddress(t *testing.T) {
	for _, tt := range []struct{ host, port, want string }{
		{"", "", "http://127.0.0.1:4000"},
		{"", "4100", "http://127.0.0.1:4100"},
		{"10.0.0.1", "", "http://10.0.0.1:4000"},
		{"0.0.0.0", "4100", "http://127.0.0.1:4100"},
		{"::", "4100", "http://[::1]:4100"},
		{"[::1]", "", "http://[::1]:4000"},
		{"[::1]:77", "4100", "http://[::1]:77"},
		{"::1", "", "http://[::1]:4000"},
		{"topics.example:77", "4100", "http://topics.example:77"},
		{":77", "", "http://127.0.0.1:77"},
		{"", "tcp://10.0.0.1:4000", "http://127.0.0.1:4000"},
		{"", "0", ""},
		{"localhost:0", "", ""},
		{"", "no", ""},
	} {
		target, err := local(tt.host, tt.port)
		got := target.URL
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q, %q: %s, %v; want %s", tt.host, tt.port, got, err, tt.want)
		}
	}
}

// alone takes everything from the environment that names a server, and gives
// the test a configuration directory of its own.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{"TOPICS_URL", "TOPICS_KEY", "TOPIC_KEY", "TOPICS_CONTEXT", "TOPICS_HOST", "TOPICS_PORT", "TOPICS_OPS_ADDR"} {
		t.Setenv(name, "")
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
}

// The first that names a server counts, and a context's key goes to its server
// only.
func TestTarget(t *testing.T) {
	alone(t)
	contexts := Contexts{Servers: map[string]Context{
		"one": {URL: "http://one", Key: "key-of-one"},
		"two": {URL: "http://two"},
	}}
	if err := contexts.Save(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		flags   Flags
		current string
		env     map[string]string
		want    Target
	}{
		{want: Target{URL: "http://127.0.0.1:4000"}},
		{env: map[string]string{"TOPICS_PORT": "4100"}, want: Target{URL: "http://127.0.0.1:4100", From: "TOPICS_HOST and TOPICS_PORT"}},
		{env: map[string]string{"TOPICS_PORT": "4100", "TOPICS_KEY": "k"}, current: "one", want: Target{URL: "http://one", Key: "key-of-one", From: "the context one"}},
		{env: map[string]string{"TOPICS_KEY": "k"}, current: "two", want: Target{URL: "http://two", Key: "k", From: "the context two"}},
		{env: map[string]string{"TOPICS_CONTEXT": "two"}, current: "one", want: Target{URL: "http://two", From: "the context two (TOPICS_CONTEXT)"}},
		{env: map[string]string{"TOPICS_URL": "https://u", "TOPICS_CONTEXT": "two", "TOPICS_KEY": "k"}, current: "one", want: Target{URL: "https://u", Key: "k", From: "TOPICS_URL"}},
		{env: map[string]string{"TOPICS_URL": "u:1"}, want: Target{URL: "http://u:1", From: "TOPICS_URL"}},
		{flags: Flags{Context: "one"}, env: map[string]string{"TOPICS_URL": "u", "TOPICS_KEY": "k"}, want: Target{URL: "http://one", Key: "key-of-one", From: "the context one"}},
		{flags: Flags{Context: "one", Key: "mine"}, want: Target{URL: "http://one", Key: "mine", From: "the context one"}},
		{flags: Flags{URL: "localhost:1"}, env: map[string]string{"TOPICS_URL": "u", "TOPICS_KEY": "k"}, current: "one", want: Target{URL: "http://localhost:1", Key: "k"}},
		{flags: Flags{URL: "h"}, env: map[string]string{"TOPIC_KEY": "former"}, want: Target{URL: "http://h", Key: "former"}},
	} {
		t.Run("", func(t *testing.T) {
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			contexts.Current = tt.current
			if err := contexts.Save(); err != nil {
				t.Fatal(err)
			}
			if got, err := tt.flags.Target(); err != nil || got != tt.want {
				t.Errorf("%+v: %+v, %v; want %+v", tt.flags, got, err, tt.want)
			}
		})
	}
	contexts.Current = ""
	if err := contexts.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Flags{Context: "ome"}).Target(); err == nil || Advice(err) != "Did you mean one?" {
		t.Errorf("%v, %q", err, Advice(err))
	}
	if _, err := (&Flags{Context: "one", URL: "u"}).Target(); err == nil {
		t.Error("two servers are named")
	}
}

func TestOperatorTarget(t *testing.T) {
	for _, tt := range []struct{ url, ops, want string }{
		{"", "", "http://[::1]:4100"},
		{"", "127.0.0.1:9100", "http://127.0.0.1:9100"},
		{"", ":9100", "http://127.0.0.1:9100"},
		{"", "127.0.0.1:0", ""},
		{"https://topics.example", "127.0.0.1:9100", "https://topics.example"},
	} {
		alone(t)
		t.Setenv("TOPICS_HOST", "::")
		t.Setenv("TOPICS_PORT", "4100")
		t.Setenv("TOPICS_OPS_ADDR", tt.ops)
		got, err := (&Flags{URL: tt.url}).OperatorTarget()
		if err == nil && got.URL != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q, %q: %+v, %v; want %s", tt.url, tt.ops, got, err, tt.want)
		}
	}
}

// The file of contexts has keys: only its owner may read it.
func TestContextsArePrivate(t *testing.T) {
	alone(t)
	if err := (&contextAdd{Name: "a", URL: "h:1", Key: "secret"}).Run(); err != nil {
		t.Fatal(err)
	}
	name, err := File()
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(name)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	contexts, err := Load()
	if err != nil || contexts.Servers["a"] != (Context{URL: "http://h:1", Key: "secret"}) {
		t.Errorf("%+v, %v", contexts, err)
	}
	if err := (&contextRm{Name: "b"}).Run(); err == nil {
		t.Error("a context was removed that there is not")
	}
}

// A server that is not there is an error at once, with what to do.
func TestMissingServer(t *testing.T) {
	alone(t)
	f := Flags{URL: "http://127.0.0.1:1"}
	c, err := f.Connect(t.Context(), "test")
	var missing *MissingError
	if !errors.As(err, &missing) || err.Error() != "no server at http://127.0.0.1:1: connection refused" ||
		!strings.HasPrefix(Advice(err), "Start one with: topics serve\n") {
		t.Errorf("%v, %v", c, err)
	}
	f.Wait = time.Minute // it may come
	if c, err := f.Connect(t.Context(), "test"); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}
