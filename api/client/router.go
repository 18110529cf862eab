package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
)

// Router copies the records that are written to one topic into another.
type Router struct {
	Source string `json:"source"`
	Dest   string `json:"dest"`
	// PreserveNode, PreserveTag and CreateDest default to true.
	PreserveNode *bool    `json:"preserve_node,omitempty"`
	PreserveTag  *bool    `json:"preserve_tag,omitempty"`
	CreateDest   *bool    `json:"create_dest,omitempty"`
	Filter       []string `json:"filter,omitempty"` // see Query.Match; nil matches all records
	AllowCycle   bool     `json:"allow_cycle,omitempty"`
	Guarantee    string   `json:"guarantee,omitempty"` // at_least_once, exactly_once
}

// RouterState is a router and its progress.
type RouterState struct {
	Name      string  `json:"router"`
	Forwarded uint64  `json:"forwarded_total"`
	Lag       uint64  `json:"lag"`            // records of the source that are not forwarded yet
	Rate      float64 `json:"forwarded_rate"` // records per second, over the last minute
	State     string  `json:"state"`          // ok; blocked: it waits for room; stopped: an error that does not pass by itself
	Reason    string  `json:"reason"`         // of another state than ok
	Blocked   string  `json:"blocked"`        // the same as Reason
	Router
}

func routerPath(name string) string { return "/v0/routers/" + url.PathEscape(name) }

// PutRouter creates or replaces a router, and reports whether it was created.
func (c *Client) PutRouter(ctx context.Context, name string, r Router) (created bool, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return false, err
	}
	var out struct {
		Created bool `json:"created"`
	}
	err = c.do(ctx, call{method: http.MethodPut, path: routerPath(name), body: body, repeatable: true}, &out)
	return out.Created, err
}

// Router returns a router and its progress.
func (c *Client) Router(ctx context.Context, name string) (RouterState, error) {
	var out RouterState
	err := c.do(ctx, call{method: http.MethodGet, path: routerPath(name), repeatable: true}, &out)
	return out, err
}

// RouterFilter selects the routers to list. The zero value selects all.
type RouterFilter struct {
	Prefix, Source, Dest string
	Sort                 string // name, lag
	Order                string // asc, desc; the default is asc for names and desc for the lag
}

// Routers yields the selected routers, sorted by name unless the filter says otherwise. It fetches them page by
// page and ends at the first error.
func (c *Client) Routers(ctx context.Context, f RouterFilter) iter.Seq2[RouterState, error] {
	query := url.Values{"page_size": {listPage}}
	for name, value := range map[string]string{
		"prefix": f.Prefix, "source": f.Source, "dest": f.Dest, "sort": f.Sort, "order": f.Order,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return pages(ctx, c, "/v0/routers", query, func(p *routerPage) ([]RouterState, string) { return p.Routers, p.Next })
}

type routerPage struct {
	Routers []RouterState `json:"routers"`
	Next    string        `json:"next_cursor"`
}

// DeleteRouter deletes a router; deleting an absent one is not an error.
// Forwarded records are kept. After a retry, deleted may be false although an
// earlier attempt deleted the router.
func (c *Client) DeleteRouter(ctx context.Context, name string) (deleted bool, err error) {
	var out struct {
		Deleted bool `json:"deleted"`
	}
	err = c.do(ctx, call{method: http.MethodDelete, path: routerPath(name), repeatable: true}, &out)
	return out.Deleted, err
}
