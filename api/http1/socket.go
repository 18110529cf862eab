package http1

import "errors"

// errNothing is the error of readNow and peekNow if nothing has arrived, and of
// writeNow if there is no room.
var errNothing = errors.New("http1: it would have to wait")
