package http1

import (
	"net/http"
	"net/url"
)

// noURL is the URL of requests whose handlers need none any more.
var noURL = new(url.URL)

// Lasts is called by a handler whose answer may go on for days, with pauses between
// its parts. From the next Flush on the request has no header and no URL, the
// header of the answer is not kept, and the connection has no buffers while there
// is nothing to write. It does nothing if w is not of this package, and if the
// request has a body.
func Lasts(w http.ResponseWriter) {
	r, _ := w.(*response)
	if r != nil && r.conn.request.Body == http.NoBody {
		r.lasting = true
	}
}

// rest gives the buffers back until there is more to write. What the client has
// sent already, though it waits for an answer that does not end, stays in them.
func (c *conn) rest() {
	if len(c.work.in) > 0 {
		return
	}
	c.request.Header, c.request.URL = nil, noURL
	c.release()
}
