package call

import (
	"net/http"
	"strings"

	"github.com/e6e95bb8/topics/api/wire"
)

// AppendPerformance implements wire.Performer.
func (c *Call) AppendPerformance(b []byte) []byte {
	return wire.AppendSpent(c.Notices.AppendTo(b), c.Start, c.Costs, &c.Cost)
}

// encode returns the answer's body as it is sent: compressed if the client asks
// for it, it is large enough, and there is memory for it. The result may alias
// the call's buffers, and is valid until the call is recycled.
func (c *Call) encode() []byte {
	h := c.Header()
	size := len(c.Out)
	if c.Static != nil {
		size = c.Static.Len()
	}
	coding := ""
	if size >= wire.MinCompress {
		h["Vary"] = append(h["Vary"], "Accept-Encoding")
		coding = wire.ChooseCoding(c.Request.Header["Accept-Encoding"])
	}
	if c.Static == nil && coding != "" && c.Take(BeyondFirst(size)) != nil {
		coding = ""
	}
	if coding != "" {
		h["Content-Encoding"] = []string{coding}
	}
	if c.Static != nil {
		return c.Static.In(coding)
	}
	if coding == "" {
		return c.Out
	}
	c.packed.Compress(c.Out, coding)
	c.Out = Keep(c.Out, keepBuffer)
	_ = c.cover() // gives back what the compressed body does not need; what it takes beyond is little
	return c.packed
}

// SameETag compares the tags of If-None-Match weakly (RFC 9110, section
// 13.1.2).
func SameETag(headers []string, tag string) bool {
	for t := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		t = strings.TrimSpace(t)
		if t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// ServeStatic answers a document that does not change while the process runs.
// mark is what tells it from that of another build.
func (c *Call) ServeStatic(media, mark string, body *wire.Static) {
	tag := `"` + mark + `"`
	h := c.Header()
	h.Set("ETag", tag)
	if SameETag(c.Request.Header["If-None-Match"], tag) {
		c.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", media)
	c.WriteHeader(http.StatusOK)
	c.Static = body
}
