package admin

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// Erase removes from the disk whatever is dead, however little of a file that
// is, and answers the receipt. The storage runs one erasure at a time; a client
// that has gone stops waiting, and the erasure goes on.
func (h *Handlers) Erase(c *call.Call) error {
	return h.awaited(c, job{"erasure", Storage.Erase, Storage.StartErasure, Storage.ErasureState})
}

// ShowErasure answers how the erasure under way is doing, or how the last one
// ended.
func (h *Handlers) ShowErasure(c *call.Call) error {
	state := any(struct {
		State    string `json:"state"`
		Checked  int    `json:"segments_checked"`
		Segments int    `json:"segments_total"`
	}{State: "idle"})
	if h.Storage != nil {
		state = h.Storage.ErasureState()
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, state)
	return nil
}
