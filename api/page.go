package api

import "github.com/e6e95bb8/topics/api/wire"

// The memory that rows of listings take until the page is rendered, in bytes: their
// state, their view, and their JSON in several buffers.
const (
	topicRow  = 4 << 10
	routerRow = 10 << 10
)

// pageOf reads which part of a list is asked for.
func pageOf(p *wire.Params) (limit, offset int64) {
	limit, offset = p.Size("limit"), p.Size("offset")
	if !p.Has("limit") {
		limit = wire.DefaultPage
	} else if limit == 0 {
		p.Refuse("limit", "must be at least 1")
	}
	return min(limit, wire.MaxPage), offset
}

// takePage reserves the memory for a page of a listing that has all rows, each of
// which takes row bytes. While memory is short it lowers the size of the page, so that a page takes
// at most a quarter of what is left.
func (s *Server) takePage(c *call, size, all, row int) (int, error) {
	left := s.memory.limit - s.memory.used.Load()
	size = min(size, max(int(left/4)/row, 1))
	return size, s.memory.take(c, beyondFirst(min(size, all)*row))
}
