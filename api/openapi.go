package api

import (
	"net/http"
	"strings"
	"sync"

	"github.com/e6e95bb8/topics/api/openapi"
	"github.com/e6e95bb8/topics/api/wire"
)

// handleOpenAPI is GET /v0/openapi.json: the description of all routes, the
// same for as long as the process runs. It is as it was written: a performance
// block in it would not be OpenAPI.
func handleOpenAPI(c *call) error {
	h := c.Header()
	h.Set("ETag", openapi.ETag())
	h.Set("Cache-Control", "public, no-cache") // keep it, and ask whether it is still the same
	if sameETag(c.r.Header["If-None-Match"], openapi.ETag()) {
		c.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", wire.MediaJSON)
	c.WriteHeader(http.StatusOK)
	c.static = description()
	return nil
}

// description is the OpenAPI document, as all calls share it.
var description = sync.OnceValue(func() *wire.Static { return wire.NewStatic(openapi.Document()) })

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
