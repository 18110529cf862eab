// Package openapi holds the description of the HTTP API that the server gives
// out. It is written in the YAML files of the folder source, one for each kind
// of resource, and compiled into openapi.json by go generate. Tests hold it
// against the route table and against the answers of all other tests.
package openapi

import (
	"crypto/sha256"
	_ "embed" // for the document
	"encoding/hex"
	"sync"
)

//go:generate go run ./compile

//go:embed openapi.json
var document []byte

// Document is the OpenAPI document as JSON. It must not be changed.
func Document() []byte { return document }

// ETag is the document's entity tag. It is a weak one, because the document may
// go out compressed.
var ETag = sync.OnceValue(func() string {
	sum := sha256.Sum256(document)
	return `W/"` + hex.EncodeToString(sum[:8]) + `"`
})
