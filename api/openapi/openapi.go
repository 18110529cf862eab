// Package openapi holds the descriptions of the HTTP API that the server gives
// out: an OpenAPI document of all routes, and an AsyncAPI document of the streams.
// They are written in the YAML files of the folder source, one for each kind of
// resource, and compiled by go generate. Tests hold them against the route table
// and against the answers of all other tests.
package openapi

import (
	"crypto/sha256"
	_ "embed" // for the documents
	"encoding/hex"
)

//go:generate go run ./compile

//go:embed openapi.json
var document []byte

//go:embed asyncapi.json
var streams []byte

// Document is the OpenAPI document as JSON. It must not be changed.
func Document() []byte { return document }

// Streams is the AsyncAPI document as JSON. It must not be changed.
func Streams() []byte { return streams }

// ETag is the entity tag of a document. It is a weak one, because documents may go
// out compressed.
func ETag(document []byte) string {
	sum := sha256.Sum256(document)
	return `W/"` + hex.EncodeToString(sum[:8]) + `"`
}
