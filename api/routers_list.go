package api

import (
	"net/http"
	"strings"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

// routerQuery is a listing of routers: those whose names begin with prefix and
// that have these ends; an empty end is any.
type routerQuery struct{ prefix, source, dest string }

// listing is what a cursor of this query belongs to.
func (q *routerQuery) listing() string {
	return strings.Join([]string{"routers", q.prefix, q.source, q.dest}, "\x00")
}

// listRouters answers a page of the routers that the key sees with both ends.
func (s *Server) listRouters(c *call) error {
	query, err := c.query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	size := p.PageSize()
	q := routerQuery{p.Get("prefix"), p.Get("source"), p.Get("dest")}
	if p.Err() != nil {
		return p.Err()
	}
	for _, end := range []string{"source", "dest"} {
		if p.Has(end) {
			if err := c.checkEnd(end, p.Get(end)); err != nil {
				return err
			}
		}
	}
	var after string
	if p.Has("cursor") {
		if after, err = parseCursor(q.listing(), p.Get("cursor")); err != nil {
			return err
		}
	}
	engine := s.opened()
	if size, err = s.takePage(c, size, engine.Totals().Routers, routerRow); err != nil {
		return err
	}
	page, more := pageWithin(c.key, q.prefix, after, size, func(prefix, after string, limit int) ([]topics.RouterState, bool) {
		return c.routersSeen(engine, &q, prefix, after, limit)
	})
	answer := struct {
		Routers    []routerStateView `json:"routers"`
		NextCursor string            `json:"next_cursor,omitempty"`
	}{Routers: make([]routerStateView, len(page))}
	for i := range page {
		answer.Routers[i] = viewRouterState(&page[i])
	}
	if more {
		answer.NextCursor = formatCursor(q.listing(), page[len(page)-1].Name)
	}
	wire.WriteJSON(c, http.StatusOK, answer)
	return nil
}

// checkEnd checks a topic that routers are asked for by. An empty name is a bad
// one like any other: whoever means all routers leaves the field out.
func (c *call) checkEnd(field, name string) error {
	if err := record.CheckName(name); err != nil {
		return wire.InvalidField(field, "%s", err.Message)
	}
	return c.may(auth.Read, name)
}

// routersSeen is Routers without those that have an end which the call's key
// does not see. What is left out costs as much as what is not.
func (c *call) routersSeen(
	e Engine, q *routerQuery, prefix, after string, limit int,
) (page []topics.RouterState, more bool) {
	for {
		found, further := e.Routers(prefix, q.source, q.dest, after, limit+1-len(page))
		for i := range found {
			if c.seesEnds(&found[i].Spec) {
				page = append(page, found[i])
			}
		}
		if len(page) > limit {
			return page[:limit], true
		}
		if !further || len(found) == 0 {
			return page, false
		}
		after = found[len(found)-1].Name
	}
}
