package api

import (
	"net/http"
	"slices"
	"strings"
)

// What pages of other origins may send and see, beyond what every page may.
const (
	corsHeaders = "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match, Last-Event-ID, X-Confirm, X-Strict"
	corsExposed = "Allow, ETag, Retry-After, WWW-Authenticate, " + nextFromHeader + ", " + headHeader + ", " + earliestHeader + ", " + caughtUpHeader
	// corsMaxAge is how many seconds a browser may go by a preflight's answer.
	corsMaxAge = "600"
)

// sharing is which origins' pages may use the API. It is immutable; a nil one
// shares with none.
type sharing struct {
	everybody bool
	origins   []string // in lower case
}

func newSharing(origins []string) *sharing {
	if len(origins) == 0 {
		return nil
	}
	s := &sharing{everybody: slices.Contains(origins, "*")}
	for _, o := range origins {
		s.origins = append(s.origins, strings.ToLower(o))
	}
	return s
}

// apply puts into an answer's header whether the page that asked may see it,
// errors included. What is answered to one origin must not be kept for
// another; with every origin allowed there is nothing to keep apart, and no
// page may send cookies along.
func (s *sharing) apply(r *http.Request, h http.Header) {
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

// preflight answers what a browser asks before it lets a page send a request
// that a page by itself could not. allow is the Allow header of the path. A
// page that may not is answered too: it is the browser that stops it.
func (s *sharing) preflight(r *http.Request, h http.Header, allow string) {
	if s == nil || r.Header.Get("Access-Control-Request-Method") == "" || h.Get("Access-Control-Allow-Origin") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", allow)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
}
