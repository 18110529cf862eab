package drill

// class is a durability class by its name in the API.
type class string

// The four classes, weakest first.
const (
	ephemeral class = "ephemeral"
	memory    class = "memory"
	disk      class = "disk"
	fsync     class = "fsync"
)

var classes = []class{ephemeral, memory, disk, fsync}

// survives reports whether acknowledged records survive SIGKILL.
func (c class) survives() bool { return c == disk || c == fsync }
