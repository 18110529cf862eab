// Package conform checks answers against the OpenAPI document. It is only for
// tests.
//
// It is stricter than the document: answers must not have fields that are not
// described, although clients have to accept them.
package conform

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/e6e95bb8/topics/api/openapi"
)

// Document is the parsed OpenAPI document. It is safe for concurrent use.
type Document struct {
	root    map[string]any
	paths   []template
	mu      sync.Mutex // guards the fields below; the compiler is not safe for concurrent use
	schemas map[string]*jsonschema.Schema
	build   *jsonschema.Compiler
}

// template is a path of the document.
type template struct {
	path     string
	segments []string // {name} is a parameter
}

const resource = "openapi.json"

// Load parses the document that the server serves, once.
var Load = sync.OnceValue(func() *Document {
	d, err := parse(openapi.Document())
	if err != nil {
		panic(err) // tests of the document give more details
	}
	return d
})

// loadStreams parses the AsyncAPI document, once.
var loadStreams = sync.OnceValue(func() *Document {
	d, err := parse(openapi.Streams())
	if err != nil {
		panic(err) // as in Load
	}
	return d
})

func parse(document []byte) (*Document, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the document is not an object")
	}
	seal(root)
	d := &Document{root: root, schemas: map[string]*jsonschema.Schema{}, build: jsonschema.NewCompiler()}
	d.build.DefaultDraft(jsonschema.Draft2020)
	if err := d.build.AddResource(resource, root); err != nil {
		return nil, err
	}
	for path := range object(root, "paths") {
		d.paths = append(d.paths, template{path: path, segments: strings.Split(path, "/")})
	}
	return d, nil
}

// Operation returns the operation of a request and its JSON pointer, or nil.
// path is percent-encoded, as it was sent.
func (d *Document) Operation(method, path string) (op map[string]any, pointer string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	best := -1
	segments := strings.Split(path, "/")
	for _, t := range d.paths {
		fixed := t.match(segments)
		found := object(d.root, "paths", t.path, strings.ToLower(method))
		if fixed > best && found != nil {
			best, op = fixed, found
			pointer = "/paths/" + escape(t.path) + "/" + strings.ToLower(method)
		}
	}
	return op, pointer
}

// Known reports whether the document has the path, with any method.
func (d *Document) Known(path string) bool {
	segments := strings.Split(path, "/")
	for _, t := range d.paths {
		if t.match(segments) >= 0 {
			return true
		}
	}
	return false
}

// match returns how many segments of the template are literally in the path, or
// a negative number if the path does not match.
func (t *template) match(segments []string) (fixed int) {
	if len(segments) != len(t.segments) {
		return -1
	}
	for i, s := range segments {
		if strings.HasPrefix(t.segments[i], "{") {
			continue
		}
		if plain, err := url.PathUnescape(s); err != nil || plain != t.segments[i] {
			return -1
		}
		fixed++
	}
	return fixed
}

// validate checks JSON against the schema at a JSON pointer in the document.
func (d *Document) validate(pointer string, body []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	return d.Valid(pointer, v)
}

// Valid checks a decoded value against the schema at a JSON pointer in the
// document.
func (d *Document) Valid(pointer string, v any) error {
	schema, err := d.schema(pointer)
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func (d *Document) schema(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if schema := d.schemas[pointer]; schema != nil {
		return schema, nil
	}
	schema, err := d.build.Compile(resource + "#" + pointer)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", pointer, err)
	}
	d.schemas[pointer] = schema
	return schema, nil
}

// resolve follows a reference to another part of the document.
func (d *Document) resolve(v map[string]any, pointer string) (map[string]any, string) {
	ref, ok := v["$ref"].(string)
	if !ok {
		return v, pointer
	}
	pointer = strings.TrimPrefix(ref, "#")
	var names []string
	for s := range strings.SplitSeq(pointer[1:], "/") {
		names = append(names, unescape(s))
	}
	return object(d.root, names...), pointer
}

// object returns the object at the end of a path of names, or nil.
func object(v map[string]any, names ...string) map[string]any {
	for _, name := range names {
		v, _ = v[name].(map[string]any)
	}
	return v
}

// escape returns a name as it is written in a JSON pointer in a URL's fragment.
func escape(name string) string {
	name = strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	return strings.ReplaceAll(url.PathEscape(name), "+", "%2B")
}

func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
}
