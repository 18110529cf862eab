package call

import "github.com/e6e95bb8/topics/api/wire"

// ReadPage reads which part of a list is asked for.
func ReadPage(p *wire.Params) (limit, offset int64) {
	limit, offset = p.Size("limit"), p.Size("offset")
	if !p.Has("limit") {
		limit = wire.DefaultPage
	} else if limit == 0 {
		p.Refuse("limit", "must be at least 1")
	}
	return min(limit, wire.MaxPage), offset
}

// TakePage reserves the memory for a page of a listing that has all rows, each of
// which takes row bytes. While memory is short it lowers the size of the page, so that a page takes
// at most a quarter of what is left.
func (c *Call) TakePage(size, all, row int) (int, error) {
	left := c.bounds.memory.left()
	size = min(size, max(int(left/4)/row, 1))
	return size, c.Take(BeyondFirst(min(size, all) * row))
}
