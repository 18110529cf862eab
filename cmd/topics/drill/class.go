package drill

// class is a durability class as the wire names it.
type class string

// The four classes, weakest first.
const (
	ephemeral class = "ephemeral"
	memory    class = "memory"
	disk      class = "disk"
	fsync     class = "fsync"
)

var classes = []class{ephemeral, memory, disk, fsync}

// survives reports whether everything acked is there after a kill -9.
func (c class) survives() bool { return c == disk || c == fsync }
