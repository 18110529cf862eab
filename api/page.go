package api

// The memory that rows of listings take until the page is rendered, in bytes: their
// state, their view, and their JSON in several buffers.
const (
	topicRow  = 4 << 10
	routerRow = 10 << 10
)

// takePage reserves the memory for a page of a listing that has all rows, each of
// which takes row bytes. While memory is short it lowers the size of the page, so that a page takes
// at most a quarter of what is left.
func (s *Server) takePage(c *call, size, all, row int) (int, error) {
	left := s.memory.limit - s.memory.used.Load()
	size = min(size, max(int(left/4)/row, 1))
	return size, s.memory.take(c, beyondFirst(min(size, all)*row))
}
