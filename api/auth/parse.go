package auth

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// SyntaxError is an invalid entry of a list of keys. It gives the place and the
// reason, but does not quote the entry, which may be a secret.
type SyntaxError struct {
	Place  string // "entry 3" of a list or "line 7" of a file, counting from 1
	Reason string
}

func (e *SyntaxError) Error() string { return e.Place + " " + e.Reason }

// Parse parses a comma-separated list of key[:scopes[:prefixes]]. The error
// joins a *SyntaxError for each invalid entry.
func Parse(list string) (*Keys, error) {
	var r reader
	n := 0
	for entry := range strings.SplitSeq(list, ",") {
		n++
		r.add(fmt.Sprintf("entry %d", n), strings.TrimSpace(entry))
	}
	return r.finish()
}

// ParseFile parses the content of a file with one entry per line, in the syntax
// of Parse. It ignores empty lines and lines that begin with #. A file without
// a key is an error: it was given in order to require keys.
func ParseFile(content []byte) (*Keys, error) {
	var r reader
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1) // no line is too long
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line != "" && !strings.HasPrefix(line, "#") {
			r.add(fmt.Sprintf("line %d", n), line)
		}
	}
	if len(r.keys) == 0 && r.problems == nil {
		return nil, errors.New("the file has no key")
	}
	return r.finish()
}

// Join returns the keys of several lists. A secret that is in more than one of
// them is an error.
func Join(lists ...*Keys) (*Keys, error) {
	all := new(Keys)
	known := make(map[[32]byte]bool)
	for _, l := range lists {
		for _, k := range l.All() {
			if known[k.digest] {
				return nil, errors.New("a key is both in the list and in the file; remove one of them")
			}
			known[k.digest] = true
			all.keys = append(all.keys, k)
		}
	}
	return all, nil
}

// reader collects the keys and the errors of a list.
type reader struct {
	keys     []*Key
	places   map[[32]byte]string // place of the entry with each digest
	problems []error
}

func (r *reader) add(place, entry string) {
	key, reason := parseKey(entry)
	if reason == "" {
		if r.places == nil {
			r.places = make(map[[32]byte]string)
		}
		first, twice := r.places[key.digest]
		if !twice {
			r.places[key.digest] = place
			r.keys = append(r.keys, key)
			return
		}
		reason = "has the same key as " + first
	}
	r.problems = append(r.problems, &SyntaxError{place, reason})
}

func (r *reader) finish() (*Keys, error) {
	if r.problems != nil {
		return nil, errors.Join(r.problems...)
	}
	return &Keys{r.keys}, nil
}

// parseKey parses one entry. reason is empty, or why it is invalid.
func parseKey(entry string) (key *Key, reason string) {
	// Names in prefixes may contain colons; secrets and scopes cannot.
	secret, rest, _ := strings.Cut(entry, ":")
	scopeList, prefixList, _ := strings.Cut(rest, ":")
	if reason = checkSecret(secret); reason != "" {
		return nil, reason
	}
	scopes, reason := parseScopes(scopeList)
	if reason != "" {
		return nil, reason
	}
	prefixes, reason := parsePrefixes(prefixList)
	if reason != "" {
		return nil, reason
	}
	return newKey(secret, scopes, prefixes), ""
}

// checkSecret accepts secrets that an Authorization header can carry and that
// can be written in both forms of the list.
func checkSecret(s string) (reason string) {
	if s == "" {
		return "has no key"
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "has a key with a space, a control character or a non-ASCII character"
		}
		if s[i] == ',' {
			return "has a key with a comma"
		}
	}
	return ""
}

func parseScopes(list string) (scopes Scope, reason string) {
	if list == "" {
		return All, ""
	}
	n := 0
	for word := range strings.SplitSeq(list, "+") {
		n++
		s, ok := scopeOf(word)
		if !ok {
			return 0, fmt.Sprintf("has a scope, number %d, that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw", n)
		}
		scopes |= s
	}
	return scopes, ""
}

// maxPrefix is the maximum length of a name.
const maxPrefix = 255

// parsePrefixes refuses a prefix that no name can have: it is probably a
// mistake, and not meant for a key that sees nothing.
func parsePrefixes(list string) (prefixes []string, reason string) {
	if list == "" {
		return nil, ""
	}
	for p := range strings.SplitSeq(list, "|") {
		if !mayBeginName(p) {
			return nil, fmt.Sprintf("has a prefix, number %d, that no name can begin with", len(prefixes)+1)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, ""
}

// mayBeginName reports whether the name of a topic or router can begin with p.
func mayBeginName(p string) bool {
	if p == "" || len(p) > maxPrefix {
		return false
	}
	for i := range len(p) {
		c := p[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("._:->", rune(c))) {
			return false
		}
	}
	return true
}

// FirstSecret returns the secret of the first entry of a file of keys, or an
// empty string if there is none. It is for the owner of the file, who wants to
// use a key; a server has no use for it.
func FirstSecret(content string) string {
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		secret, _, _ := strings.Cut(line, ":")
		return secret
	}
	return ""
}
