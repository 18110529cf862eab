package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func writeKeys(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKeysOfEnvironmentAndFile(t *testing.T) {
	file := writeKeys(t, "# the front end\nin-the-file:rw\n")
	for _, tt := range []struct {
		env  []string
		want []string
	}{
		{[]string{"TOPICS_API_KEYS=in-the-list:r, another"}, []string{"in-the-list", "another"}},
		{[]string{"TOPICS_API_KEYS_FILE=" + file}, []string{"in-the-file"}},
		{[]string{"TOPICS_API_KEYS=in-the-list:r", "TOPICS_API_KEYS_FILE=" + file}, []string{"in-the-list", "in-the-file"}},
	} {
		c, err := Load(tt.env, large)
		if err != nil {
			t.Errorf("%q: %v", tt.env, err)
			continue
		}
		if c.Keys.Len() != len(tt.want) || slices.ContainsFunc(tt.want, func(s string) bool { return c.Keys.Find(s) == nil }) {
			t.Errorf("%q: %d keys, want %q", tt.env, c.Keys.Len(), tt.want)
		}
		if len(c.Warnings) != 0 {
			t.Errorf("%q: warnings %q", tt.env, c.Warnings)
		}
	}
	for _, tt := range []struct{ list, content, want string }{
		{"", "# none\n", ": the file has no key"},
		{"", "aaaaaa\n:r\n", ": line 2 has no key"},
		{"aaaaaa", "aaaaaa:r", "TOPICS_API_KEYS_FILE: a key is both in the list and in the file; remove one of them"},
		{"", strings.Repeat("#", maxKeysFile+1), "has more than 1 MiB"},
	} {
		_, err := Load([]string{"TOPICS_API_KEYS=" + tt.list, "TOPICS_API_KEYS_FILE=" + writeKeys(t, tt.content)}, large)
		var problems Problems
		if !errors.As(err, &problems) || len(problems) != 1 || !strings.HasSuffix(problems[0], tt.want) ||
			strings.Contains(problems[0], "aaaaaa") {
			t.Errorf("%q and %.20q: %v, want %s", tt.list, tt.content, err, tt.want)
		}
	}
}

// No output of the configuration contains a key.
func TestKeysAreNotShown(t *testing.T) {
	c, err := Load([]string{"TOPICS_API_KEYS=hush-hush:r:public", "TOPICS_API_KEYS_FILE=" + writeKeys(t, "hush-too")}, large)
	if err != nil {
		t.Fatal(err)
	}
	var table, js bytes.Buffer
	if err := errors.Join(c.Table(&table), c.JSON(&js)); err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{table.String(), js.String(), fmt.Sprintf("%+v", *c), fmt.Sprint(c.Map())} {
		if strings.Contains(shown, "hush") {
			t.Error(shown)
		}
	}
	if _, ok := c.Map()["TOPICS_API_KEYS"]; ok {
		t.Error("keys are among what others are shown")
	}
	if !strings.Contains(table.String(), "TOPICS_API_KEYS             ") || !strings.Contains(table.String(), masked) {
		t.Errorf("keys are not masked in\n%s", table.String())
	}
}

func TestOriginsInTheFormOfBrowsers(t *testing.T) {
	c, err := Load([]string{"TOPICS_CORS_ORIGINS=https://A.example, http://localhost:5173,https://b.example:443,http://[::1]:80"}, large)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"https://a.example", "http://localhost:5173", "https://b.example", "http://[::1]"}
	if !slices.Equal(c.CORSOrigins, want) {
		t.Errorf("%q, want %q", c.CORSOrigins, want)
	}
	if c, err := Load([]string{"TOPICS_CORS_ORIGINS=*"}, large); err != nil || !slices.Equal(c.CORSOrigins, []string{"*"}) {
		t.Errorf("%v", err)
	}
}

func FuzzParseOrigin(f *testing.F) {
	for _, s := range []string{"*", "https://a.example", "HTTP://[::1]:80", "null", "https://u@h", "a://b:443"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := parseOrigin(s)
		if err != nil {
			return
		}
		if again, err := parseOrigin(o); err != nil || again != o {
			t.Errorf("%q is %q, which is %q, %v", s, o, again, err)
		}
	})
}
