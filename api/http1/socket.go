package http1

import "github.com/e6e95bb8/topics/api/eventloop"

// errNothing is the error of readNow and peekNow if nothing has arrived, and of
// writeNow if there is no room.
var errNothing = eventloop.ErrNothing
