package admin

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/audit"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// errSettles is why a request cannot be cancelled.
const errSettles = "only a request that waits for records or jobs can be cancelled; this one is being carried out, as a whole or not at all, and will be answered"

// requestRow is about the memory that a row of the list takes.
const requestRow = 2 << 10

// requestView is a request in progress, as an administrator sees it.
type requestView struct {
	ID      string  `json:"id"`
	Method  string  `json:"method"`
	Route   string  `json:"route"`
	Key     string  `json:"key_id"`
	Remote  string  `json:"remote"`
	Topic   string  `json:"topic,omitempty"`
	AgeMS   float64 `json:"age_ms"`
	Waiting bool    `json:"waiting"` // for records or jobs: it can be cancelled
	You     bool    `json:"you"`     // the same key from the same host as the caller

	number uint64
}

// ListRequests answers the requests in progress that the call's key manages, the
// oldest first.
func (h *Handlers) ListRequests(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	limit, offset := call.ReadPage(&p)
	if p.Err() != nil {
		return p.Err()
	}
	var numbers []uint64
	h.Bounds.Underway.Each(func(o *call.Call) {
		if c.Manages(o.Key) {
			numbers = append(numbers, o.Number())
		}
	})
	slices.Sort(numbers)
	total := len(numbers)
	numbers = numbers[min(offset, int64(total)):]
	size, err := c.TakePage(int(limit), len(numbers), requestRow)
	if err != nil {
		return err
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, struct {
		Requests []requestView `json:"requests"`
		Total    int           `json:"total"`
	}{h.requestViews(c, numbers[:min(size, len(numbers))]), total})
	return nil
}

// requestViews are the rows of those calls that are still there. numbers is
// sorted.
func (h *Handlers) requestViews(c *call.Call, numbers []uint64) []requestView {
	views := make([]requestView, 0, len(numbers))
	h.Bounds.Underway.Each(func(o *call.Call) {
		n := o.Number()
		if _, found := slices.BinarySearch(numbers, n); !found {
			return
		}
		v := requestView{
			ID: h.Bounds.Underway.ID(n), Method: o.Request.Method, Route: o.Route.Pattern, Key: o.Key.ID, Remote: o.Request.RemoteAddr,
			AgeMS: float64(time.Since(o.Start).Microseconds()) / 1000, Waiting: o.Waits(),
			You: o.Key == c.Key && hostOf(o.Request.RemoteAddr) == hostOf(c.Request.RemoteAddr), number: n,
		}
		if strings.Contains(o.Route.Pattern, ":topic") || o.Route == call.SocketClaim {
			v.Topic = strings.Clone(o.Topic[:min(len(o.Topic), audit.MaxTarget)])
		}
		views = append(views, v)
	})
	slices.SortFunc(views, func(a, b requestView) int { return cmp.Compare(a.number, b.number) })
	return views
}

// hostOf is an address without its port.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

// CancelRequest cancels a request that waits.
func (h *Handlers) CancelRequest(c *call.Call) error {
	if err := c.Fieldless(); err != nil {
		return err
	}
	found, done := h.Bounds.Underway.Cancel(h.Bounds.Underway.Number(c.Topic), c.Manages)
	if !found {
		return &wire.Error{Status: http.StatusNotFound, Code: "not_found", Message: "no such request is in progress"}
	}
	answer := struct {
		ID        string `json:"id"`
		Cancelled bool   `json:"cancelled"`
		Reason    string `json:"reason,omitempty"`
	}{ID: c.Topic, Cancelled: done}
	if !done {
		answer.Reason = errSettles
	}
	wire.WriteJSON(c, http.StatusOK, answer)
	return nil
}
