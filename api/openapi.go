package api

import (
	"net/http"
	"sync"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/openapi"
	"github.com/e6e95bb8/topics/api/wire"
)

// description is a document about the API, which is the same for as long as the
// process runs. It goes out as it was written: a performance block in it would not
// be OpenAPI, nor AsyncAPI.
type description struct {
	tag  string
	body *wire.Static
}

func describe(document []byte) *description {
	return &description{openapi.ETag(document), wire.NewStatic(document)}
}

// The documents, as all calls share them.
var (
	routesDescription  = sync.OnceValue(func() *description { return describe(openapi.Document()) })
	streamsDescription = sync.OnceValue(func() *description { return describe(openapi.Streams()) })
)

// handleOpenAPI is GET /v0/openapi.json: the description of all routes.
func handleOpenAPI(c *call.Call) error { return answerDescription(c, routesDescription()) }

// handleAsyncAPI is GET /v0/asyncapi.json: the description of the streams.
func handleAsyncAPI(c *call.Call) error { return answerDescription(c, streamsDescription()) }

func answerDescription(c *call.Call, d *description) error {
	h := c.Header()
	h.Set("ETag", d.tag)
	h.Set("Cache-Control", "public, no-cache") // keep it, and ask whether it is still the same
	if call.SameETag(c.Request.Header["If-None-Match"], d.tag) {
		c.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", wire.MediaJSON)
	c.WriteHeader(http.StatusOK)
	c.Static = d.body
	return nil
}
