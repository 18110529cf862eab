package catalog

import (
	"context"
	"net/http"
	"strings"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/listing"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
)

// routerQuery is a listing of routers: those whose names begin with prefix and
// that have these ends; an empty end is any.
type routerQuery struct {
	prefix, source, dest string
	by                   topics.SortKey
	down                 bool // the greatest first
}

// listing is what a cursor of this query belongs to.
func (q *routerQuery) listing() string {
	return strings.Join([]string{"routers", q.prefix, q.source, q.dest}, "\x00")
}

// sortedListing is listing for an order that is made by a key that sees these names.
func (q *routerQuery) sortedListing(prefixes, ends []string) string {
	return strings.Join([]string{
		q.listing(), string(q.by), listing.Direction(q.down), strings.Join(prefixes, " "), strings.Join(ends, " "),
	}, "\x00")
}

// routersPage is a page of routers on the wire.
type routersPage struct {
	Routers    []RouterRow `json:"routers"`
	NextCursor string      `json:"next_cursor,omitempty"`
}

// ListRouters answers a page of the routers that the key sees with both ends.
func (h *Handlers) ListRouters(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	size := p.PageSize()
	q := routerQuery{prefix: p.Get("prefix"), source: p.Get("source"), dest: p.Get("dest")}
	q.by, q.down = listing.ReadSort(&p, topics.SortName, topics.SortLag)
	if p.Err() != nil {
		return p.Err()
	}
	for _, end := range []string{"source", "dest"} {
		if p.Has(end) {
			if err := checkEnd(c, end, p.Get(end)); err != nil {
				return err
			}
		}
	}
	if size, err = c.TakePage(size, h.Engine().Totals().Routers, RouterRowCost); err != nil {
		return err
	}
	var page *routersPage
	if q.by == topics.SortName && !q.down {
		page, err = h.listRouterNames(c, &q, &p, size)
	} else {
		page, err = h.listSortedRouters(c, &q, &p, size)
	}
	if err != nil {
		return err
	}
	wire.WriteJSON(c, http.StatusOK, page)
	return nil
}

// listRouterNames answers a page in the order of the names.
func (h *Handlers) listRouterNames(c *call.Call, q *routerQuery, p *wire.Params, size int) (*routersPage, error) {
	var after string
	var err error
	if p.Has("cursor") {
		if after, err = wire.ParseCursor(q.listing(), p.Get("cursor")); err != nil {
			return nil, err
		}
	}
	engine := h.Engine()
	states, more := call.PageWithin(c.Key, q.prefix, after, size, func(prefix, after string, limit int) ([]router.State, bool) {
		return routersSeen(c, engine, q, prefix, after, limit)
	})
	page := &routersPage{Routers: make([]RouterRow, len(states))}
	for i := range states {
		page.Routers[i] = viewRouterState(&states[i])
	}
	if more {
		page.NextCursor = wire.FormatCursor(q.listing(), states[len(states)-1].Name)
	}
	return page, nil
}

// listSortedRouters answers a page in an order that is made once for all pages.
func (h *Handlers) listSortedRouters(c *call.Call, q *routerQuery, p *wire.Params, size int) (*routersPage, error) {
	engine := h.Engine()
	wanted := func(spec *router.Spec) bool {
		return seesEnds(c, spec) && (q.source == "" || q.source == spec.Source) && (q.dest == "" || q.dest == spec.Dest)
	}
	prefixes := c.Key.Within(q.prefix)
	l := &listing.Sorted{
		Orders:  h.Orders,
		Size:    size,
		Listing: q.sortedListing(prefixes, c.Key.Within("")),
		All:     engine.Totals().Routers,
		Sort: func(ctx context.Context) ([]string, error) {
			return engine.SortRouters(ctx, prefixes, wanted, q.by, q.down)
		},
	}
	rows, _, err := listing.Turn(c, p, l, func(name string) (RouterRow, bool) {
		st, err := engine.Router(name)
		if err != nil || !wanted(&st.Spec) { // deleted or changed since
			return RouterRow{}, false
		}
		return viewRouterState(&st), true
	})
	return &routersPage{rows, l.Next}, err
}

// checkEnd checks a topic that routers are asked for by. An empty name is a bad
// one like any other: whoever means all routers leaves the field out.
func checkEnd(c *call.Call, field, name string) error {
	if err := record.CheckName(name); err != nil {
		return wire.InvalidField(field, "%s", err.Message)
	}
	return c.May(auth.Read, name)
}

// routersSeen is Routers without those that have an end which the call's key
// does not see. What is left out costs as much as what is not.
func routersSeen(
	c *call.Call, e Engine, q *routerQuery, prefix, after string, limit int,
) (page []router.State, more bool) {
	for {
		found, further := e.Routers(prefix, q.source, q.dest, after, limit+1-len(page))
		for i := range found {
			if seesEnds(c, &found[i].Spec) {
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

// RouterRowCost is the same as TopicRowCost, of a router.
const RouterRowCost = 10 << 10
