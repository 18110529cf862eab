package api

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

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

// listRequests answers the requests in progress that the call's key manages, the
// oldest first.
func (s *Server) listRequests(c *call) error {
	query, err := c.query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	limit, offset := pageOf(&p)
	if p.Err() != nil {
		return p.Err()
	}
	var numbers []uint64
	s.underway.each(func(o *call) {
		if c.manages(o.key) {
			numbers = append(numbers, o.underway.number)
		}
	})
	slices.Sort(numbers)
	total := len(numbers)
	numbers = numbers[min(offset, int64(total)):]
	size, err := s.takePage(c, int(limit), len(numbers), requestRow)
	if err != nil {
		return err
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, struct {
		Requests []requestView `json:"requests"`
		Total    int           `json:"total"`
	}{s.requestViews(c, numbers[:min(size, len(numbers))]), total})
	return nil
}

// requestViews are the rows of those calls that are still there. numbers is
// sorted.
func (s *Server) requestViews(c *call, numbers []uint64) []requestView {
	views := make([]requestView, 0, len(numbers))
	s.underway.each(func(o *call) {
		n := o.underway.number
		if _, found := slices.BinarySearch(numbers, n); !found {
			return
		}
		v := requestView{
			ID: s.underway.id(n), Method: o.r.Method, Route: o.route.pattern, Key: o.key.ID, Remote: o.r.RemoteAddr,
			AgeMS: float64(time.Since(o.start).Microseconds()) / 1000, Waiting: o.underway.wait.Load() != nil,
			You: o.key == c.key && hostOf(o.r.RemoteAddr) == hostOf(c.r.RemoteAddr), number: n,
		}
		if strings.Contains(o.route.pattern, ":topic") || o.route == socketClaim {
			v.Topic = strings.Clone(o.topic[:min(len(o.topic), auditTarget)])
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

// cancelRequest cancels a request that waits.
func (s *Server) cancelRequest(c *call) error {
	if err := s.fieldless(c); err != nil {
		return err
	}
	found, done := s.underway.cancel(s.underway.number(c.topic), c.manages)
	if !found {
		return &wire.Error{Status: http.StatusNotFound, Code: "not_found", Message: "no such request is in progress"}
	}
	answer := struct {
		ID        string `json:"id"`
		Cancelled bool   `json:"cancelled"`
		Reason    string `json:"reason,omitempty"`
	}{ID: c.topic, Cancelled: done}
	if !done {
		answer.Reason = errSettles
	}
	wire.WriteJSON(c, http.StatusOK, answer)
	return nil
}
