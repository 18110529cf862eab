package admin

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// Whoami answers what the call's key may do, so that a program can show it
// before it is refused.
func (h *Handlers) Whoami(c *call.Call) error {
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, struct {
		KeyID        string   `json:"key_id"`
		Scopes       []string `json:"scopes"`
		Prefixes     []string `json:"prefixes"`
		KeysRequired bool     `json:"keys_required"`
	}{c.Key.ID, c.Key.Scopes().Names(), append([]string{}, c.Key.Prefixes()...), h.Bounds.Keys().Len() > 0})
	return nil
}
