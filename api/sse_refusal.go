package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
)

// watchPattern is the path of the stream that needs nothing but its URL.
const watchPattern = "/v0/watch"

// comeAgain is when the client of a stream connects again that ended or was
// refused, unless something else is known.
const comeAgain = 2 * time.Second

// comesAgain reports whether a refusal is for the time being and the client is
// one that connects again only after a stream: an EventSource gives up for good
// when it is answered with a status of an error. It is known by asking for events
// and nothing else.
func (c *call) comesAgain(e *wire.Error) bool {
	return (e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests) &&
		c.route.kind == streaming && c.route.pattern == watchPattern && c.r.Method == http.MethodGet &&
		strings.EqualFold(c.r.Header.Get("Accept"), mediaEvents)
}

// refuseInEvents answers with a stream that says why it ends and how soon to come
// back.
func (c *call) refuseInEvents(e *wire.Error) {
	c.headEvents()
	retry := max(comeAgain, e.RetryAfter)
	c.Header().Set("Retry-After", wire.RetrySeconds(retry))
	b := strconv.AppendInt([]byte("retry: "), retry.Milliseconds(), 10)
	b = append(append(b, "\n"...), c.placeAgain()...)
	b = append(b, "\nevent: error\ndata: "...)
	c.out = append(appendErrorData(b, "", e), "\n\n"...)
	c.WriteHeader(http.StatusOK)
}

// placeAgain returns the line with the id that the client sent. By the standard a
// stream without one, however short, makes an EventSource forget its place.
func (c *call) placeAgain() string {
	id := c.r.Header.Get("Last-Event-ID")
	_, err := watch.ParseID(id)
	if err != nil {
		return ""
	}
	return "id: " + id + "\n"
}

const mediaEvents = "text/event-stream"

// headEvents sets the header of a stream.
func (c *call) headEvents() {
	h := c.Header()
	h.Set("Content-Type", mediaEvents+"; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies that understand it pass events on at once
}
