package api

import (
	"fmt"
	"net/http"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// may is nil if the call's key has all of a scope and sees a name; otherwise
// the 403 that says what is missing. An empty name asks for the scope only.
func (c *call) may(scope auth.Scope, name string) error {
	if missing := c.key.Missing(scope); missing != 0 {
		return &wire.Error{
			Status: http.StatusForbidden, Code: "forbidden",
			Message: "the key lacks the scope " + missing.String(),
			Detail:  map[string]any{"scope": missing.String()},
		}
	}
	if name != "" && !c.key.Sees(name) {
		return &wire.Error{
			Status: http.StatusForbidden, Code: "forbidden",
			Message: fmt.Sprintf("%q is outside the prefixes of the key", name),
			Detail:  map[string]any{"name": name},
		}
	}
	return nil
}

// permit checks what the route itself asks of a key: its scope, and the name
// in its path.
func (c *call) permit(param string) error {
	switch param {
	case "topic", "router":
		return c.may(c.route.scope, c.topic)
	}
	if c.route.kind == telemetry && c.key.Missing(auth.AdminRead) == 0 {
		return nil // metrics show no more than the overview
	}
	return c.may(c.route.scope, "")
}

// mayWrite checks a write's names and its config: who sends one decides how the
// topic is made, which is an administrator's to do, whether or not it turns out
// to be there already.
func (c *call) mayWrite(x string, w *topic.Write) error {
	if err := c.may(auth.Write, x); err != nil || w.Config == nil {
		return err
	}
	return c.mayConfigure(x, w.Config)
}

// mayConfigure checks a topic's config: the topic that it sends dead jobs to
// must be the key's, too.
func (c *call) mayConfigure(x string, p *record.ConfigPatch) error {
	if err := c.may(auth.AdminWrite, x); err != nil {
		return err
	}
	if p.DeadLetter != nil && *p.DeadLetter != nil {
		return c.may(auth.AdminWrite, **p.DeadLetter)
	}
	return nil
}

// mayAll is nil if the key is bound to no prefixes: what it asks for cannot be
// narrowed to those. why is the reason.
func (c *call) mayAll(why string) error {
	if c.key.SeesAll() {
		return nil
	}
	return &wire.Error{
		Status: http.StatusForbidden, Code: "forbidden",
		Message: why + ": the key must not be bound to prefixes",
	}
}

// manages reports whether the call may see and end the sessions of a key: one
// that is bound to prefixes may do that with its own only.
func (c *call) manages(owner *auth.Key) bool { return c.key.SeesAll() || owner == c.key }

// seen is those of names that the key sees.
func (c *call) seen(names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if c.key.Sees(name) {
			out = append(out, name)
		}
	}
	return out
}

// pageWithin is a page of the names that begin with prefix and that the key
// sees. list is the listing without keys; what it costs, a page here costs for
// each of the key's prefixes, whatever lies between them.
func pageWithin[T any](
	k *auth.Key, prefix, after string, limit int, list func(prefix, after string, limit int) ([]T, bool),
) (page []T, more bool) {
	for _, p := range k.Within(prefix) {
		room := limit - len(page)
		part, more := list(p, after, max(1, room))
		if more || len(part) > room {
			return append(page, part[:min(len(part), room)]...), true
		}
		page = append(page, part...)
	}
	return page, false
}
