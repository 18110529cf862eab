package http1

import "errors"

// errNothing is the error of readNow and peekNow if nothing has arrived.
var errNothing = errors.New("http1: nothing to read")
