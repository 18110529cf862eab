package auth

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// SyntaxError is a bad entry of a list of keys. It says where it stands and
// what is wrong, and shows nothing of it: whatever stands there may be a
// secret.
type SyntaxError struct {
	Place  string // "entry 3" of a list, "line 7" of a file; from 1
	Reason string
}

func (e *SyntaxError) Error() string { return e.Place + " " + e.Reason }

// Parse reads the keys of a comma-separated list of key[:scopes[:prefixes]].
// The error joins a *SyntaxError for every entry that is wrong.
func Parse(list string) (*Keys, error) {
	var r reader
	n := 0
	for entry := range strings.SplitSeq(list, ",") {
		n++
		r.add(fmt.Sprintf("entry %d", n), strings.TrimSpace(entry))
	}
	return r.finish()
}

// ParseFile reads the keys of a file's content: one entry on each line, in the
// same syntax. Empty lines and lines that begin with # count for nothing. A
// file without a key is an error: whoever names one wants the door closed.
func ParseFile(content []byte) (*Keys, error) {
	var r reader
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1) // so that no line is too long
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line != "" && !strings.HasPrefix(line, "#") {
			r.add(fmt.Sprintf("line %d", n), line)
		}
	}
	if len(r.keys) == 0 && r.problems == nil {
		return nil, errors.New("there is no key in it")
	}
	return r.finish()
}

// Join puts the keys of several lists together. A secret that is in more than
// one of them is an error.
func Join(lists ...*Keys) (*Keys, error) {
	all := new(Keys)
	known := make(map[[32]byte]bool)
	for _, l := range lists {
		for _, k := range l.All() {
			if known[k.digest] {
				return nil, errors.New("a key is in the list and in the file: which of the two holds?")
			}
			known[k.digest] = true
			all.keys = append(all.keys, k)
		}
	}
	return all, nil
}

// reader collects the keys of a list and what is wrong with it.
type reader struct {
	keys     []*Key
	places   map[[32]byte]string // of each digest
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

// parseKey reads one entry. reason says what is wrong with it; empty: nothing.
func parseKey(entry string) (key *Key, reason string) {
	// Names may have colons, secrets and scopes have none.
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

// checkSecret takes what an Authorization header can carry and both forms of
// the list can hold.
func checkSecret(s string) (reason string) {
	if s == "" {
		return "has no key"
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "has a key with a space, a control character or one that is not ASCII"
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

// maxPrefix is the longest name that there can be.
const maxPrefix = 255

// parsePrefixes refuses what no name begins with: it is more likely a slip
// than the wish for a key that sees nothing.
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

// mayBeginName reports whether a topic or a router may have a name that begins
// with p.
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
