package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
)

// Router copies what is written to one topic into another.
type Router struct {
	Source string `json:"source"`
	Dest   string `json:"dest"`
	// PreserveNode, PreserveTag and CreateDest are on unless they say false.
	PreserveNode *bool    `json:"preserve_node,omitempty"`
	PreserveTag  *bool    `json:"preserve_tag,omitempty"`
	CreateDest   *bool    `json:"create_dest,omitempty"`
	Filter       []string `json:"filter,omitempty"` // see Query.Match; nil: all
	AllowCycle   bool     `json:"allow_cycle,omitempty"`
	Guarantee    string   `json:"guarantee,omitempty"` // at_least_once, exactly_once
}

// RouterState is a router with how far it is.
type RouterState struct {
	Name      string `json:"router"`
	Forwarded uint64 `json:"forwarded_total"`
	Lag       uint64 `json:"lag"`     // records of the source that are not forwarded yet
	Blocked   string `json:"blocked"` // why it waits; empty: it does not
	Router
}

func routerPath(name string) string { return "/v0/routers/" + url.PathEscape(name) }

// PutRouter makes a router or replaces it, and says which.
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

// Router returns a router and how far it is.
func (c *Client) Router(ctx context.Context, name string) (RouterState, error) {
	var out RouterState
	err := c.do(ctx, call{method: http.MethodGet, path: routerPath(name), repeatable: true}, &out)
	return out, err
}

// RouterFilter says which routers are listed; its zero value: all.
type RouterFilter struct{ Prefix, Source, Dest string }

// Routers yields routers sorted by name, and fetches them page by page. An
// error ends it.
func (c *Client) Routers(ctx context.Context, f RouterFilter) iter.Seq2[RouterState, error] {
	query := url.Values{}
	for name, value := range map[string]string{"prefix": f.Prefix, "source": f.Source, "dest": f.Dest} {
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

// DeleteRouter removes a router; deleting an absent one is no error.
// What was forwarded stays. After a retried attempt, deleted may be false
// although an earlier attempt did it.
func (c *Client) DeleteRouter(ctx context.Context, name string) (deleted bool, err error) {
	var out struct {
		Deleted bool `json:"deleted"`
	}
	err = c.do(ctx, call{method: http.MethodDelete, path: routerPath(name), repeatable: true}, &out)
	return out.Deleted, err
}
