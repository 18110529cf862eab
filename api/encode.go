package api

import "github.com/e6e95bb8/topics/api/wire"

// AppendPerformance implements wire.Performer.
func (c *call) AppendPerformance(b []byte) []byte {
	return wire.AppendSpent(c.notices.AppendTo(b), c.start, c.costs, &c.cost)
}

// encode returns the answer's body as it is sent: compressed if the client asks
// for it, it is large enough, and there is memory for it. The result may alias
// the call's buffers, and is valid until the call is recycled.
func (s *Server) encode(c *call) []byte {
	h := c.Header()
	size := len(c.out)
	if c.static != nil {
		size = c.static.Len()
	}
	coding := ""
	if size >= wire.MinCompress {
		h["Vary"] = append(h["Vary"], "Accept-Encoding")
		coding = wire.ChooseCoding(c.r.Header["Accept-Encoding"])
	}
	if c.static == nil && coding != "" && s.memory.take(c, beyondFirst(size)) != nil {
		coding = ""
	}
	if coding != "" {
		h["Content-Encoding"] = []string{coding}
	}
	if c.static != nil {
		return c.static.In(coding)
	}
	if coding == "" {
		return c.out
	}
	c.packed.Compress(c.out, coding)
	c.out = keep(c.out, keepBuffer)
	_ = s.memory.cover(c) // gives back what the compressed body does not need; what it takes beyond is little
	return c.packed
}
