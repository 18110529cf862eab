package api

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/openapi"
)

// requestBody is an operation's body as the document has it.
type requestBody struct {
	method, path string
	properties   []string // of its schema, sorted
	example      json.RawMessage
}

// requestBodies are all bodies of the document that have fields.
func requestBodies(t *testing.T) (bodies []requestBody) {
	t.Helper()
	type schema struct {
		Ref        string `json:"$ref"`
		Properties map[string]json.RawMessage
	}
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(openapi.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	for path, operations := range doc.Paths {
		for method, raw := range operations {
			var op struct {
				RequestBody struct {
					Content map[string]struct {
						Schema  schema
						Example json.RawMessage
					}
				}
			}
			if json.Unmarshal(raw, &op) != nil {
				continue // the path's parameters
			}
			content, ok := op.RequestBody.Content[mediaJSON]
			if name, named := strings.CutPrefix(content.Schema.Ref, "#/components/schemas/"); ok && named {
				properties := slices.Sorted(maps.Keys(doc.Components.Schemas[name].Properties))
				bodies = append(bodies, requestBody{strings.ToUpper(method), path, properties, content.Example})
			}
		}
	}
	if len(bodies) < 6 {
		t.Fatalf("%d request bodies were found", len(bodies))
	}
	return bodies
}

// examplePath puts names into a documented path.
func examplePath(path string) string {
	return strings.NewReplacer("{topic}", "orders", "{router}", url.PathEscape("orders>audit")).Replace(path)
}

// Every field that the document has for a body is one that the server reads: a
// value of a wrong type is refused by its name.
func TestDocumentedFieldsAreRead(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "orders", "")
	for _, b := range requestBodies(t) {
		for _, field := range b.properties {
			w := do(s, b.method, examplePath(b.path), `{"`+field+`":7.5}`)
			var answer struct {
				Error struct {
					Code   string
					Detail struct{ Field string }
				}
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Error.Code != "invalid_request" || answer.Error.Detail.Field != field {
				t.Errorf("%s %s with a wrong %s: %d %s", b.method, b.path, field, w.Code, w.Body)
			}
		}
	}
}

// Every example of a request is one that the server takes.
func TestDocumentedExamplesWork(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "orders", "")
	for _, b := range requestBodies(t) {
		if b.example == nil {
			t.Errorf("%s %s: no example", b.method, b.path)
			continue
		}
		if w := do(s, b.method, examplePath(b.path), string(b.example)); w.Code > 201 {
			t.Errorf("%s %s with %s: %d %s", b.method, b.path, b.example, w.Code, w.Body)
		}
	}
}
