package call

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
)

// WatchPattern is the path of the stream that needs nothing but its URL.
const WatchPattern = "/v0/watch"

// comeAgain is when the client of a stream connects again that ended or was
// refused, unless something else is known.
const comeAgain = 2 * time.Second

// comesAgain reports whether a refusal is for the time being and the client is
// one that connects again only after a stream: an EventSource gives up for good
// when it is answered with a status of an error. It is known by asking for events
// and nothing else.
func (c *Call) comesAgain(e *wire.Error) bool {
	return (e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests) &&
		c.Route.Kind == Streaming && c.Route.Pattern == WatchPattern && c.Request.Method == http.MethodGet &&
		strings.EqualFold(c.Request.Header.Get("Accept"), mediaEvents)
}

// refuseInEvents answers with a stream that says why it ends and how soon to come
// back.
func (c *Call) refuseInEvents(e *wire.Error) {
	c.HeadEvents()
	retry := max(comeAgain, e.RetryAfter)
	c.Header().Set("Retry-After", wire.RetrySeconds(retry))
	b := strconv.AppendInt([]byte("retry: "), retry.Milliseconds(), 10)
	b = append(append(b, "\n"...), c.placeAgain()...)
	b = append(b, "\nevent: error\ndata: "...)
	c.Out = append(AppendErrorData(b, "", e), "\n\n"...)
	c.WriteHeader(http.StatusOK)
}

// placeAgain returns the line with the id that the client sent. By the standard a
// stream without one, however short, makes an EventSource forget its place.
func (c *Call) placeAgain() string {
	id := c.Request.Header.Get("Last-Event-ID")
	_, err := watch.ParseID(id)
	if err != nil {
		return ""
	}
	return "id: " + id + "\n"
}

const mediaEvents = "text/event-stream"

// HeadEvents sets the header of a stream.
func (c *Call) HeadEvents() {
	h := c.Header()
	h.Set("Content-Type", mediaEvents+"; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies that understand it pass events on at once
}

// AppendErrorData renders the data of an error event.
func AppendErrorData(b []byte, x string, e *wire.Error) []byte {
	data, err := json.Marshal(struct {
		Code    int    `json:"code"`
		Error   string `json:"error"`
		Message string `json:"message"`
		Topic   string `json:"topic,omitempty"`
		Detail  any    `json:"detail,omitempty"`
		RetryMS int64  `json:"retry_after_ms,omitempty"`
	}{e.Status, e.Code, e.Message, x, e.Details(), e.RetryAfter.Milliseconds()})
	if err != nil {
		panic(err) // details are strings, numbers and bools
	}
	return append(b, data...)
}
