package api

import (
	"net/http"
	"strings"

	"github.com/e6e95bb8/topics/api/openapi"
)

// handleOpenAPI is GET /v0/openapi.json: the description of all routes, the
// same for as long as the process runs. It is as it was written: a performance
// block in it would not be OpenAPI.
func handleOpenAPI(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", openapi.ETag())
	h.Set("Cache-Control", "public, no-cache") // keep it, and ask whether it is still the same
	if sameETag(r.Header["If-None-Match"], openapi.ETag()) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", mediaJSON)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(openapi.Document()) // a call buffers: it cannot fail
}

// sameETag compares the tags of If-None-Match weakly (RFC 9110, section
// 13.1.2).
func sameETag(headers []string, tag string) bool {
	for t := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		t = strings.TrimSpace(t)
		if t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
