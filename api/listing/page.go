package listing

import (
	"context"
	"strconv"
	"strings"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// Sorted is a listing that is sorted by what moves.
type Sorted struct {
	Orders  *Orders
	Listing string // what its cursors belong to
	All     int    // as many names as there are at most, or about
	Size    int    // of a page, in rows
	Sort    func(context.Context) ([]string, error)
	Next    string // cursor of the next page, set by Turn; empty if there is none
}

// sortedName is about what a name takes while names are sorted, in bytes.
const sortedName = 48

// Turn returns a page of rows of a sorted listing, and its order. row returns the
// row of a name, or false if that is gone: then the page has another in its place.
func Turn[R any](c *call.Call, p *wire.Params, l *Sorted, row func(name string) (R, bool)) ([]R, *Order, error) {
	order, at, err := l.order(c, p)
	if err != nil {
		return nil, nil, err
	}
	rows := make([]R, 0, min(l.Size, len(order.Names)))
	for ; at < len(order.Names); at++ {
		r, there := row(order.Names[at])
		switch {
		case !there:
		case len(rows) < l.Size:
			rows = append(rows, r)
		default: // there is another page
			l.Next = wire.FormatCursor(l.Listing, order.ID+"."+strconv.Itoa(at))
			return rows, order, l.Orders.Keep(order)
		}
	}
	return rows, order, nil
}

// order returns the order of a listing and where in it the page begins.
func (l *Sorted) order(c *call.Call, p *wire.Params) (order *Order, at int, err error) {
	if !p.Has("cursor") {
		n := int64(l.All) * sortedName
		if err := c.Take(n); err != nil {
			return nil, 0, err
		}
		defer c.GiveBack(n)
		owner := ""
		if c.SharesMemory() {
			owner = c.Key.ID
		}
		order, err = l.Orders.Begin(c.Request.Context(), l.Listing, owner, l.Sort)
		return order, 0, err
	}
	place, err := wire.ParseCursor(l.Listing, p.Get("cursor"))
	if err != nil {
		return nil, 0, err
	}
	id, position, _ := strings.Cut(place, ".")
	at, err = strconv.Atoi(position)
	if err != nil {
		return nil, 0, wire.InvalidField("cursor", "is not one that this listing has given")
	}
	order = l.Orders.Find(id, l.Listing)
	if order == nil || at > len(order.Names) {
		e := wire.InvalidField("cursor", "its order is no longer kept (it is for %d minutes after a page, unless others need the room): begin again without a cursor",
			int(TTL.Minutes()))
		e.Detail["expired"] = true
		return nil, 0, e
	}
	return order, at, nil
}
