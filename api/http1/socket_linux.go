package http1

import "github.com/e6e95bb8/topics/api/eventloop"

// writeNow writes to a socket without waiting. The runtime is not told: for each of many
// followers, that costs more than what it does with the time.
func writeNow(fd uintptr, p []byte) (int, error) { return eventloop.Write(int(fd), p) }
