package catalog

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/router"
)

// routerView is a router on the wire, as its maker described it. Whatever the
// spelling of the filter was, it comes back in the one that cannot be misread.
type routerView struct {
	Router       string   `json:"router"`
	Source       string   `json:"source"`
	Dest         string   `json:"dest"`
	PreserveNode bool     `json:"preserve_node"`
	PreserveTag  bool     `json:"preserve_tag"`
	CreateDest   bool     `json:"create_dest"`
	Filter       []string `json:"filter"` // nil: null
	AllowCycle   bool     `json:"allow_cycle"`
	Guarantee    string   `json:"guarantee"`
}

func viewRouter(name string, s *router.Spec) routerView {
	v := routerView{
		Router: name, Source: s.Source, Dest: s.Dest,
		PreserveNode: s.PreserveNode, PreserveTag: s.PreserveTag, CreateDest: s.CreateDest,
		AllowCycle: s.AllowCycle, Guarantee: s.Guarantee,
	}
	if s.Filter != nil {
		op, pattern := s.Filter.Parts()
		v.Filter = []string{"tag", op, pattern}
	}
	return v
}

// RouterRow is a router with how far it is.
type RouterRow struct {
	routerView
	Forwarded uint64           `json:"forwarded_total"`
	Lag       uint64           `json:"lag"`
	Rate      float64          `json:"forwarded_rate"` // per second, over the last minute
	State     router.Condition `json:"state"`
	Reason    string           `json:"reason,omitempty"`  // of another state than ok
	Blocked   string           `json:"blocked,omitempty"` // the same, by its first name
}

func viewRouterState(st *router.State) RouterRow {
	return RouterRow{
		routerView: viewRouter(st.Name, &st.Spec), Forwarded: st.Forwarded, Lag: st.Lag, Rate: st.Rate,
		State: st.Condition, Reason: st.Blocked, Blocked: st.Blocked,
	}
}

// checkRouter checks the router's name in the path.
func checkRouter(c *call.Call) error {
	if err := router.CheckName(c.Topic); err != nil {
		return err
	}
	return nil
}

// seesEnds reports whether the call's key sees both topics of a router. Lists
// leave out a router whose ends it does not see.
func seesEnds(c *call.Call, s *router.Spec) bool { return c.Key.Sees(s.Source) && c.Key.Sees(s.Dest) }

// existing is the router of the path. One that is there and has an end outside
// the key's prefixes is refused without naming that end.
func (h *Handlers) existing(c *call.Call) (router.State, error) {
	st, err := h.Engine().Router(c.Topic)
	if err == nil && !seesEnds(c, &st.Spec) {
		err = &wire.Error{
			Status: http.StatusForbidden, Code: "forbidden",
			Message: "an end of the router is outside the prefixes of the key",
			Detail:  map[string]any{"name": c.Topic},
		}
	}
	return st, err
}

// seenWays is err, of a router that would make a cycle or too many ways, without
// those topics that the call's key does not see.
func seenWays(c *call.Call, err error) error {
	e := wire.ErrorOf(err)
	if cycle, ok := e.Detail["cycle"].([]string); ok {
		e.Detail = map[string]any{"cycle": c.Seen(cycle)}
		return e
	}
	if topic, ok := e.Detail["topic"].(string); ok && e.Code == "router_fanout" && len(c.Seen([]string{topic})) == 0 {
		e.Detail = map[string]any{"ways": e.Detail["ways"], "max": e.Detail["max"]}
		return e
	}
	return err
}

// PutRouter makes a router or replaces one.
func (h *Handlers) PutRouter(c *call.Call) error {
	if err := checkRouter(c); err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	spec, err := request.DecodeRouter(body, &c.Notices)
	if err != nil {
		return err
	}
	for _, end := range []string{spec.Source, spec.Dest} {
		if err := c.May(auth.AdminWrite, end); err != nil {
			return err
		}
	}
	// To replace a router is to end what it did between its former ends.
	if _, err := h.existing(c); err != nil && wire.ErrorOf(err).Status != http.StatusNotFound {
		return err
	}
	done, err := h.Engine().PutRouter(c.Request.Context(), c.Topic, spec)
	if err != nil {
		return seenWays(c, err)
	}
	status := http.StatusOK
	if done.Created {
		status = http.StatusCreated
	}
	c.Cost, c.Costs = done.Cost, wire.CostWrite
	wire.WriteJSON(c, status, struct {
		routerView
		Created bool `json:"created"`
	}{viewRouter(c.Topic, &done.Spec), done.Created})
	return nil
}

// GetRouter answers a router and how far it is.
func (h *Handlers) GetRouter(c *call.Call) error {
	if err := checkRouter(c); err != nil {
		return err
	}
	st, err := h.existing(c)
	if err != nil {
		return err
	}
	wire.WriteJSON(c, http.StatusOK, viewRouterState(&st))
	return nil
}

// DeleteRouter ends a router; what it has forwarded stays.
func (h *Handlers) DeleteRouter(c *call.Call) error {
	if err := checkRouter(c); err != nil {
		return err
	}
	_, missing := h.existing(c)
	if missing != nil && wire.ErrorOf(missing).Status != http.StatusNotFound {
		return missing
	}
	if err := c.ReadDryRun(); err != nil {
		return err
	}
	if c.Dry {
		answerRouterPreview(c, missing == nil)
		return nil
	}
	deleted, cost, err := h.Engine().DeleteRouter(c.Request.Context(), c.Topic)
	if err != nil {
		return err
	}
	c.Cost, c.Costs = cost, wire.CostWrite
	wire.WriteJSON(c, http.StatusOK, struct {
		Router  string `json:"router"`
		Deleted bool   `json:"deleted"`
	}{c.Topic, deleted})
	return nil
}

// answerRouterPreview answers a dry run of a router's delete.
func answerRouterPreview(c *call.Call, exists bool) {
	count := 0
	if exists {
		count = 1
	}
	wire.WriteJSON(c, http.StatusOK, struct {
		Router string `json:"router"`
		DryRun bool   `json:"dry_run"`
		Count  int    `json:"count"`
	}{c.Topic, true, count})
}
