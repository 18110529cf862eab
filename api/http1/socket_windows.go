package http1

// supported is false: all connections are net/http's.
const supported = false

// readNow is not called.
func readNow(uintptr, []byte) (int, error) { return 0, errNothing }

// writeNow is not called.
func writeNow(uintptr, []byte) (int, error) { return 0, errNothing }

// peekNow is not called.
func peekNow(uintptr, []byte) (int, error) { return 0, errNothing }
