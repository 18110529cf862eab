package admin

import (
	"errors"
	"net/http"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
)

// heartbeatTTL is how long a heartbeat holds that does not say it.
const heartbeatTTL = time.Minute

// heartbeatFields are the fields of a heartbeat.
var heartbeatFields = []string{"status", "reason", "ttl_ms", "affects"}

// PutCheck takes a heartbeat: what a program outside says of itself.
func (h *Handlers) PutCheck(c *call.Call) error {
	if err := c.MayAll("a check is of the whole server"); err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	beat, err := decodeHeartbeat(body, &c.Notices)
	if err != nil {
		return err
	}
	created, err := h.Health.Heartbeats().Put(c.Topic, beat)
	switch {
	case errors.Is(err, health.ErrTooMany):
		return call.CapReached("heartbeats", health.MaxHeartbeats, "heartbeats under different names; DELETE those that are not sent any more")
	case err != nil:
		return wire.InvalidField("name", "%s", err)
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	wire.WriteJSON(c, status, struct {
		Name    string         `json:"name"`
		Status  health.Status  `json:"status"`
		Reason  string         `json:"reason,omitempty"`
		TTL     int64          `json:"ttl_ms"`
		Affects health.Affects `json:"affects"`
		Created bool           `json:"created"`
	}{c.Topic, beat.Status, beat.Reason, beat.TTL.Milliseconds(), beat.Affects, created})
	return nil
}

// DeleteCheck forgets a heartbeat.
func (h *Handlers) DeleteCheck(c *call.Call) error {
	if err := c.MayAll("a check is of the whole server"); err != nil {
		return err
	}
	if err := c.Fieldless(); err != nil {
		return err
	}
	if err := health.ValidName(c.Topic); err != nil {
		return wire.InvalidField("name", "%s", err)
	}
	wire.WriteJSON(c, http.StatusOK, struct {
		Name    string `json:"name"`
		Deleted bool   `json:"deleted"`
	}{c.Topic, h.Health.Heartbeats().Delete(c.Topic)})
	return nil
}

// decodeHeartbeat reads the body of a heartbeat. Null for a field is the same as
// leaving it out.
func decodeHeartbeat(body []byte, notes *wire.Notices) (health.Heartbeat, error) {
	b := health.Heartbeat{TTL: heartbeatTTL, Affects: health.AffectsHealth}
	if body == nil {
		body = []byte("{}")
	}
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	said := false
	for f.NextField() {
		if f.Absent(heartbeatFields) {
			continue
		}
		switch string(f.Name()) {
		case "status":
			said = true
			b.Status = readStatus(&f)
		case "reason":
			b.Reason = string(f.ReadText("reason", health.MaxReason))
		case "ttl_ms":
			b.TTL = readTTL(&f)
		case "affects":
			b.Affects = readAffects(&f)
		default:
			f.Unknown(heartbeatFields)
		}
	}
	if err := f.Finish(); err != nil {
		return b, err
	}
	if !said {
		return b, wire.InvalidField("status", "is needed: healthy, degraded or unhealthy")
	}
	return b, nil
}

func readStatus(f *wire.Fields) health.Status {
	text := f.ReadString("status")
	status, err := health.ParseStatus(text)
	if err != nil && f.Valid() {
		f.Refuse("status", "%s", err)
	}
	return status
}

func readAffects(f *wire.Fields) health.Affects {
	text := f.ReadString("affects")
	affects, err := health.ParseAffects(text)
	if err != nil && f.Valid() {
		f.Refuse("affects", "%s", err)
	}
	return affects
}

func readTTL(f *wire.Fields) time.Duration {
	const least, most = int64(health.MinTTL / time.Millisecond), int64(health.MaxTTL / time.Millisecond)
	ms := f.ReadInt("ttl_ms")
	if f.Valid() && (ms < least || ms > most) {
		f.Refuse("ttl_ms", "is %d; it must be from %d to %d", ms, least, most)
	}
	return time.Duration(ms) * time.Millisecond
}
