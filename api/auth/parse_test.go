package auth

import (
	"errors"
	"strings"
	"testing"
)

func TestKeySyntax(t *testing.T) {
	for _, tt := range []struct {
		entry    string
		scopes   Scope
		prefixes string // joined by |; empty for all names
	}{
		{"s3cret", All, ""},
		{"s3cret:", All, ""},
		{"s3cret::", All, ""},
		{"s3cret:read", Read, ""},
		{"s3cret:r", Read, ""},
		{"s3cret:w", Write, ""},
		{"s3cret:d", Delete, ""},
		{"s3cret:a", Admin, ""},
		{"s3cret:rw", Read | Write, ""},
		{"s3cret:rw+d", Read | Write | Delete, ""},
		{"s3cret:read+write+delete+admin", All, ""},
		{"s3cret:r+r+read", Read, ""},
		{"s3cret:r:orders", Read, "orders"},
		{"s3cret::orders", All, "orders"},
		{"s3cret:r:tenant42:", Read, "tenant42:"},
		{"s3cret:r:tenant42:a|tenant7:", Read, "tenant42:a|tenant7:"},
		{"s3cret:r:b|a|ab|b", Read, "a|b"},
		{"s3cret:r:a->b", Read, "a->b"},
		{"s3cret:r:0|9|A|Z|a._:->|z", Read, "0|9|A|Z|a._:->|z"},
		{"p@$$w0rd!=/+|~", All, ""},
	} {
		keys, err := Parse(tt.entry)
		if err != nil {
			t.Errorf("%s: %v", tt.entry, err)
			continue
		}
		k := keys.All()[0]
		if keys.Len() != 1 || k.scopes != tt.scopes || strings.Join(k.prefixes, "|") != tt.prefixes ||
			(k.prefixes == nil) != (tt.prefixes == "") {
			t.Errorf("%s: %s on %q, want %s on %s", tt.entry, k.scopes, k.prefixes, tt.scopes, tt.prefixes)
		}
		secret, _, _ := strings.Cut(tt.entry, ":")
		if keys.Find(secret) != k {
			t.Errorf("%s: its own secret does not find it", tt.entry)
		}
	}
}

func TestScopesByName(t *testing.T) {
	for s, want := range map[Scope]string{
		0: "none", None: "none", Read: "read", Write: "write", Delete: "delete", Admin: "admin",
		Read | Admin: "read+admin", All: "read+write+delete+admin",
	} {
		if got := s.String(); got != want {
			t.Errorf("%d: %s, want %s", s, got, want)
		}
	}
}

func TestBadEntriesAreNamedByTheirPlaceOnly(t *testing.T) {
	for _, tt := range []struct{ list, want string }{
		{"", "entry 1 has no key"},
		{"aaaaaa,,bbbbbb", "entry 2 has no key"},
		{"aaaaaa,bbbbbb,", "entry 3 has no key"},
		{"aaaaaa,:rw", "entry 2 has no key"},
		{"aaaaaa bbbbbb", "entry 1 has a key with a space, a control character or a non-ASCII character"},
		{"schlüssel", "entry 1 has a key with a space, a control character or a non-ASCII character"},
		{"aaaaaa:hush", "entry 1 has a scope, number 1, that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw"},
		{"aaaaaa:r+hush", "entry 1 has a scope, number 2, that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw"},
		{"aaaaaa:r+", "entry 1 has a scope, number 2, that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw"},
		{"aaaaaa:READ", "entry 1 has a scope, number 1, that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw"},
		{"read:aaaaaa", "entry 1 has a scope, number 1, that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw"},
		{"aaaaaa:r:hush*", "entry 1 has a prefix, number 1, that no name can begin with"},
		{"aaaaaa:r:hush|", "entry 1 has a prefix, number 2, that no name can begin with"},
		{"aaaaaa:r:.hush", "entry 1 has a prefix, number 1, that no name can begin with"},
		{"aaaaaa:r::hush", "entry 1 has a prefix, number 1, that no name can begin with"},
		{"aaaaaa:r:hush@", "entry 1 has a prefix, number 1, that no name can begin with"},
		{"aaaaaa:r:hush/", "entry 1 has a prefix, number 1, that no name can begin with"},
		{"aaaaaa:r:hush[", "entry 1 has a prefix, number 1, that no name can begin with"},
		{"aaaaaa:r:hush`", "entry 1 has a prefix, number 1, that no name can begin with"},
		{"aaaaaa:r:hush{", "entry 1 has a prefix, number 1, that no name can begin with"},
		{"aaaaaa:r:" + strings.Repeat("h", 256), "entry 1 has a prefix, number 1, that no name can begin with"},
		{"aaaaaa,bbbbbb:r,aaaaaa:w", "entry 3 has the same key as entry 1"},
		{"aaaaaa,aaaaaa:hush,,aaaaaa", "entry 2 has a scope, number 1, that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw\n" +
			"entry 3 has no key\nentry 4 has the same key as entry 1"},
	} {
		keys, err := Parse(tt.list)
		if keys != nil || err == nil || err.Error() != tt.want {
			t.Errorf("%q: %v\nwant %s", tt.list, err, tt.want)
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %T", tt.list, err)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	keys, err := ParseFile([]byte("# the front end\naaaaaa:rw:orders\r\n\n  bbbbbb  \n#cccccc\ndddddd:r"))
	if err != nil {
		t.Fatal(err)
	}
	if keys.Len() != 3 || keys.Find("aaaaaa") == nil || keys.Find("bbbbbb") == nil || keys.Find("cccccc") != nil ||
		keys.Find("dddddd") == nil {
		t.Errorf("%d keys", keys.Len())
	}
	for _, tt := range []struct{ content, want string }{
		{"", "the file has no key"},
		{"\n# nothing\n", "the file has no key"},
		{"aaaaaa\n#\naaaaaa:r", "line 3 has the same key as line 1"},
		{"aaaaaa,bbbbbb", "line 1 has a key with a comma"},
		{"\n\naaaaaa:hush", "line 3 has a scope, number 1, that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw"},
	} {
		if _, err := ParseFile([]byte(tt.content)); err == nil || err.Error() != tt.want {
			t.Errorf("%q: %v, want %s", tt.content, err, tt.want)
		}
	}
	long := strings.Repeat("a", 1<<20)
	if keys, err := ParseFile([]byte("b\n" + long)); err != nil || keys.Find(long) == nil {
		t.Errorf("a long line: %v", err)
	}
}

func TestJoinedListsShareNoKey(t *testing.T) {
	a, _ := Parse("aaaaaa:r,bbbbbb")
	b, _ := Parse("cccccc")
	both, err := Join(a, nil, b)
	if err != nil || both.Len() != 3 || both.Find("cccccc") == nil || both.Find("aaaaaa") == nil {
		t.Errorf("%d keys, %v", both.Len(), err)
	}
	if _, err := Join(a, b, a); err == nil || strings.Contains(err.Error(), "aaaaaa") {
		t.Errorf("a key twice: %v", err)
	}
}

// FuzzParse holds that nothing panics, that an error never contains what may be
// a secret, and that a parsed key is found.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a", "a:rw:x|y,b:r", "a:::", "a,a", "secret words:r", ":", "\x00", "ä:r", "a:r+w+d+a:t:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		keys, err := Parse(list)
		fileKeys, fileErr := ParseFile([]byte(list))
		for _, err := range []error{err, fileErr} {
			if err == nil {
				continue
			}
			if hidden(err.Error()) {
				t.Errorf("%q: %v", list, err)
			}
		}
		if err == nil {
			for entry := range strings.SplitSeq(list, ",") {
				secret, _, _ := strings.Cut(strings.TrimSpace(entry), ":")
				if keys.Find(secret) == nil {
					t.Errorf("%q: key not found", list)
				}
			}
		}
		if (fileErr == nil) != (fileKeys.Len() > 0) {
			t.Errorf("%q: %d keys of the file, %v", list, fileKeys.Len(), fileErr)
		}
	})
}

// hidden reports whether a line of an error consists of anything but a place
// and one of the known reasons.
func hidden(message string) bool {
	for line := range strings.Lines(message) {
		line = strings.TrimSpace(line)
		if line == "the file has no key" {
			continue
		}
		words := strings.SplitN(line, " ", 3)
		if len(words) != 3 || words[0] != "entry" && words[0] != "line" || strings.Trim(words[1], "0123456789") != "" {
			return true
		}
		// The reasons, without their numbers.
		reason := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, words[2])
		known := false
		for _, r := range []string{
			"has no key",
			"has a key with a space, a control character or a non-ASCII character",
			"has a key with a comma",
			"has a scope, number , that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw",
			"has a prefix, number , that no name can begin with",
			"has the same key as entry ",
			"has the same key as line ",
		} {
			known = known || strings.TrimSpace(reason) == strings.TrimSpace(r)
		}
		if !known {
			return true
		}
	}
	return false
}
