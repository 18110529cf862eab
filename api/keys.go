package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// authenticate finds out whose call it is: c.key is never nil after it. Routes
// that need no key are answered without one, and also with a wrong one.
func (s *Server) authenticate(c *call.Call) error {
	secret := takeSecret(c)
	key := s.identify(secret)
	if key != nil {
		c.Identify(key)
		return nil
	}
	c.Identify(auth.Anonymous())
	if c.Route.Public(s.opts.ProbeAuth) {
		return nil
	}
	if secret != "" {
		c.Slow()
	}
	return unauthorized(secret != "")
}

// identify returns the key of a secret; without keys everybody has the open
// one.
func (s *Server) identify(secret string) *auth.Key {
	ring := s.bounds.Keys()
	switch {
	case ring.Len() == 0:
		return s.open
	case secret == "":
		return nil
	}
	return ring.Find(secret)
}

// takeSecret takes the key out of the request, so that nothing that looks at
// the request afterwards can let it out. In the query it is a key only where a
// client may be unable to set a header.
func takeSecret(c *call.Call) string {
	secret := bearer(c.Request.Header)
	delete(c.Request.Header, "Authorization")
	rest, token, found := cutToken(c.Request.URL.RawQuery)
	if found {
		c.Request.URL.RawQuery = rest
		c.Request.RequestURI = c.Request.URL.RequestURI()
	}
	if secret == "" && c.Route.Kind == call.Streaming {
		secret = token
	}
	return secret
}

// bearer is the secret of an Authorization header. Two headers are none: there
// is no telling which one was meant.
func bearer(h http.Header) string {
	values := h["Authorization"]
	if len(values) != 1 {
		return ""
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

// cutToken takes every token parameter out of a query string and returns the
// first one's value, empty if it is malformed.
func cutToken(query string) (rest, token string, found bool) {
	if query == "" {
		return query, "", false
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err != nil || plain != "token" {
			kept = append(kept, part)
			continue
		}
		if !found {
			token, _ = url.QueryUnescape(value) // malformed: no key is empty
		}
		found = true
	}
	if !found {
		return query, "", false
	}
	return strings.Join(kept, "&"), token, true
}

// unauthorized is the answer to a call without a key, or with one that is
// unknown.
func unauthorized(given bool) *wire.Error {
	e := &wire.Error{
		Status: http.StatusUnauthorized, Code: "unauthorized",
		Message: "a key is needed: send Authorization: Bearer <key>",
	}
	if given {
		e.Message = "the key is not known"
	}
	return e
}

// ReplaceKeys makes other keys the ones that are known. The sessions, streams
// and WebSockets of keys that are gone, or that may do something else now, end;
// requests of theirs that are under way are answered. There must have been keys
// before, and be some now.
func (s *Server) ReplaceKeys(keys *auth.Keys) {
	next := s.bounds.ReplaceKeys(keys)
	gone := func(k *auth.Key) bool { return !next.Knows(k) }
	s.sessions.Tables.Revoke(gone)
}
