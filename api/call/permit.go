package call

import (
	"fmt"
	"net/http"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// May is nil if the call's key has all of a scope and sees a name; otherwise
// the 403 that says what is missing. An empty name asks for the scope only.
func (c *Call) May(scope auth.Scope, name string) error {
	if missing := c.Key.Missing(scope); missing != 0 {
		return &wire.Error{
			Status: http.StatusForbidden, Code: "forbidden",
			Message: "the key lacks the scope " + missing.String(),
			Detail:  map[string]any{"scope": missing.String()},
		}
	}
	if name != "" && !c.Key.Sees(name) {
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
func (c *Call) permit(param string) error {
	switch param {
	case "topic", "router":
		return c.May(c.Route.Scope, c.Topic)
	}
	if c.Route.Kind == Telemetry && c.Key.Missing(auth.AdminRead) == 0 {
		return nil // metrics show no more than the overview
	}
	return c.May(c.Route.Scope, "")
}

// MayWrite checks a write's names and its config: who sends one decides how the
// topic is made, which is an administrator's to do, whether or not it turns out
// to be there already.
func (c *Call) MayWrite(x string, w *topic.Write) error {
	if err := c.May(auth.Write, x); err != nil || w.Config == nil {
		return err
	}
	return c.MayConfigure(x, w.Config)
}

// MayConfigure checks a topic's config: the topic that it sends dead jobs to
// must be the key's, too.
func (c *Call) MayConfigure(x string, p *record.ConfigPatch) error {
	if err := c.May(auth.AdminWrite, x); err != nil {
		return err
	}
	if p.DeadLetter != nil && *p.DeadLetter != nil {
		return c.May(auth.AdminWrite, **p.DeadLetter)
	}
	return nil
}

// MayAll is nil if the key is bound to no prefixes: what it asks for cannot be
// narrowed to those. why is the reason.
func (c *Call) MayAll(why string) error {
	if c.Key.SeesAll() {
		return nil
	}
	return &wire.Error{
		Status: http.StatusForbidden, Code: "forbidden",
		Message: why + ": the key must not be bound to prefixes",
	}
}

// Manages reports whether the call may see and end the sessions of a key: one
// that is bound to prefixes may do that with its own only.
func (c *Call) Manages(owner *auth.Key) bool { return c.Key.SeesAll() || owner == c.Key }

// Seen is those of names that the key sees.
func (c *Call) Seen(names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if c.Key.Sees(name) {
			out = append(out, name)
		}
	}
	return out
}

// PageWithin is a page of the names that begin with prefix and that the key
// sees. list is the listing without keys; what it costs, a page here costs for
// each of the key's prefixes, whatever lies between them.
func PageWithin[T any](
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

// confirm checks the header without which an admin route changes nothing: a
// call that was typed by mistake, or that a page in a browser makes, lacks it.
func (c *Call) confirm() error {
	if c.Request.Header.Get("X-Confirm") != "true" {
		return wire.Invalid("this call changes the server: it needs the header X-Confirm: true")
	}
	return nil
}

// MayWatch is nil if the call's key may read everything that a watch asks for.
// The empty prefix becomes those of the key: what lies beside them must not
// count as too much.
func (c *Call) MayWatch(req *request.Watch) error {
	for topic := range req.Topics {
		if err := c.May(auth.Read, topic); err != nil {
			return err
		}
	}
	for prefix := range req.Prefixes {
		if err := c.May(auth.Read, prefix); err != nil {
			return err
		}
	}
	if at, all := req.Prefixes[""]; all && !c.Key.SeesAll() {
		delete(req.Prefixes, "")
		for _, prefix := range c.Key.Within("") {
			if _, has := req.Prefixes[prefix]; !has {
				req.Prefixes[prefix] = at
			}
		}
	}
	return nil
}
