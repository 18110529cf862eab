package call

import (
	"net/http"
	"slices"
	"strings"
)

// What pages of other origins may send and see, beyond what every page may.
const (
	corsHeaders = "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match, Last-Event-ID, X-Confirm, X-Strict"
	corsExposed = "Allow, ETag, Retry-After, WWW-Authenticate, " + NextFromHeader + ", " + HeadHeader + ", " + EarliestHeader + ", " + CaughtUpHeader
	// corsMaxAge is how many seconds a browser may go by a preflight's answer.
	corsMaxAge = "600"
)

// Sharing is which origins' pages may use the API. It is immutable; a nil one
// shares with none.
type Sharing struct {
	everybody bool
	origins   []string // in lower case
}

func newSharing(origins []string) *Sharing {
	if len(origins) == 0 {
		return nil
	}
	s := &Sharing{everybody: slices.Contains(origins, "*")}
	for _, o := range origins {
		s.origins = append(s.origins, strings.ToLower(o))
	}
	return s
}

// apply puts into an answer's header whether the page that asked may see it,
// errors included. What is answered to one origin must not be kept for
// another; with every origin allowed there is nothing to keep apart, and no
// page may send cookies along.
func (s *Sharing) apply(r *http.Request, h http.Header) {
	if s == nil {
		return
	}
	origin := r.Header.Get("Origin")
	switch {
	case s.everybody:
		if origin == "" {
			return
		}
		h.Set("Access-Control-Allow-Origin", "*")
	default:
		h.Add("Vary", "Origin")
		if origin == "" || !slices.Contains(s.origins, strings.ToLower(origin)) {
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Expose-Headers", corsExposed)
}

// Preflight answers what a browser asks before it lets a page send a request
// that a page by itself could not. allow is the Allow header of the path. A
// page that may not is answered too: it is the browser that stops it.
func (s *Sharing) Preflight(r *http.Request, h http.Header, allow string) {
	if s == nil || r.Header.Get("Access-Control-Request-Method") == "" || h.Get("Access-Control-Allow-Origin") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", allow)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
}

// The headers of a batch of events, which has no room for where to go on.
const (
	NextFromHeader = "Topics-Next-From-Seq"
	HeadHeader     = "Topics-Head-Seq"
	EarliestHeader = "Topics-Earliest-Seq"
	CaughtUpHeader = "Topics-Caught-Up"
)

// With reports whether the pages of an origin may use the API.
func (s *Sharing) With(origin string) bool {
	return s != nil && (s.everybody || slices.Contains(s.origins, strings.ToLower(origin)))
}
