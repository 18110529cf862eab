package api

import (
	"context"
	"strconv"
	"strings"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/listing"
	"github.com/e6e95bb8/topics/api/wire"
)

// sorted is a listing that is sorted by what moves.
type sorted struct {
	listing string // what its cursors belong to
	all     int    // as many names as there are at most, or about
	sort    func(context.Context) ([]string, error)
	next    string // cursor of the next page, set by turn; empty if there is none
}

// sortedName is about what a name takes while names are sorted, in bytes.
const sortedName = 48

// turn returns a page of rows of a sorted listing, and its order. row returns the
// row of a name, or false if that is gone: then the page has another in its place.
func turn[R any](s *Server, c *call.Call, p *wire.Params, l *sorted, size int, row func(name string) (R, bool)) ([]R, *listing.Order, error) {
	order, at, err := s.orderOf(c, p, l)
	if err != nil {
		return nil, nil, err
	}
	rows := make([]R, 0, min(size, len(order.Names)))
	for ; at < len(order.Names); at++ {
		r, there := row(order.Names[at])
		switch {
		case !there:
		case len(rows) < size:
			rows = append(rows, r)
		default: // there is another page
			l.next = wire.FormatCursor(l.listing, order.ID+"."+strconv.Itoa(at))
			return rows, order, s.orders.Keep(order)
		}
	}
	return rows, order, nil
}

// orderOf returns the order of a listing and where in it the page begins.
func (s *Server) orderOf(c *call.Call, p *wire.Params, l *sorted) (order *listing.Order, at int, err error) {
	if !p.Has("cursor") {
		n := int64(l.all) * sortedName
		if err := c.Take(n); err != nil {
			return nil, 0, err
		}
		defer c.GiveBack(n)
		owner := ""
		if c.SharesMemory() {
			owner = c.Key.ID
		}
		order, err = s.orders.Begin(c.Request.Context(), l.listing, owner, l.sort)
		return order, 0, err
	}
	place, err := wire.ParseCursor(l.listing, p.Get("cursor"))
	if err != nil {
		return nil, 0, err
	}
	id, position, _ := strings.Cut(place, ".")
	at, err = strconv.Atoi(position)
	if err != nil {
		return nil, 0, wire.InvalidField("cursor", "is not one that this listing has given")
	}
	order = s.orders.Find(id, l.listing)
	if order == nil || at > len(order.Names) {
		e := wire.InvalidField("cursor", "its order is no longer kept (it is for %d minutes after a page, unless others need the room): begin again without a cursor",
			int(listing.TTL.Minutes()))
		e.Detail["expired"] = true
		return nil, 0, e
	}
	return order, at, nil
}
