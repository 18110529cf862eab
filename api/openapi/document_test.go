package openapi_test

import (
	"bytes"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/e6e95bb8/topics/api/openapi"
	"github.com/e6e95bb8/topics/api/openapi/conform"
	"github.com/e6e95bb8/topics/api/openapi/source"
)

func TestCompiled(t *testing.T) {
	want, err := source.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(openapi.Document(), want) {
		t.Error("openapi.json is not what its source says: run go generate ./api/openapi")
	}
}

// The document is valid OpenAPI 3.1. Its examples are checked below with the
// JSON Schema of 3.1.
func TestValid(t *testing.T) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(openapi.Document())
	if err != nil {
		t.Fatal(err)
	}
	if !doc.IsOpenAPI31OrLater() {
		t.Errorf("version %s", doc.OpenAPI)
	}
	err = doc.Validate(loader.Context, openapi3.DisableExamplesValidation(), openapi3.EnableMultiError())
	if err != nil {
		t.Error(err)
	}
}

// Every schema compiles, and every example is valid.
func TestExamples(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.Document()))
	if err != nil {
		t.Fatal(err)
	}
	schemas, examples := 0, 0
	var walk func(v any, pointer string)
	walk = func(v any, pointer string) {
		object, ok := v.(map[string]any)
		if !ok {
			return
		}
		at := "" // the schema of the example
		switch {
		case object["schema"] != nil:
			at = pointer + "/schema"
		case strings.HasPrefix(pointer, "/components/schemas/") && strings.Count(pointer, "/") == 3:
			at = pointer
		}
		if at != "" {
			value, given := object["example"]
			if given {
				examples++
			}
			// A value that violates the schema, or the lack of one, shows whether the
			// schema itself is valid.
			err := conform.Load().Valid(at, value)
			invalid := new(jsonschema.ValidationError)
			if err != nil && (given || !errors.As(err, &invalid)) {
				t.Errorf("%s: %v", at, err)
			}
			schemas++
		}
		for name, child := range object {
			if name == "example" || name == "examples" {
				continue
			}
			name = strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
			walk(child, pointer+"/"+strings.ReplaceAll(url.PathEscape(name), "+", "%2B"))
			if list, ok := child.([]any); ok {
				for i, element := range list {
					walk(element, pointer+"/"+name+"/"+strconv.Itoa(i))
				}
			}
		}
	}
	walk(document, "")
	if schemas < 100 || examples < 10 {
		t.Errorf("%d schemas and %d examples were found", schemas, examples)
	}
}

// Every parameter and every header has a type that generated clients support:
// not none, and not a choice of several.
func TestParametersHaveTypes(t *testing.T) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(openapi.Document())
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for _, p := range append(item.Parameters, op.Parameters...) {
				seen++
				for _, schema := range append(p.Value.Schema.Value.AnyOf, p.Value.Schema) {
					if s := schema.Value; s.Type == nil && len(s.AnyOf) == 0 || s.Type != nil && len(*s.Type) != 1 {
						t.Errorf("%s %s: %s has no type, or several", method, path, p.Value.Name)
					}
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("%d parameters were found", seen)
	}
}

// Every array has items, also next to prefixItems or a $ref: generators and
// linters require it.
func TestArraysHaveItems(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.Document()))
	if err != nil {
		t.Fatal(err)
	}
	arrays := 0
	var walk func(v any, at string)
	walk = func(v any, at string) {
		switch v := v.(type) {
		case map[string]any:
			if v["type"] == "array" {
				if arrays++; v["items"] == nil {
					t.Errorf("%s: an array of nothing said", at)
				}
			}
			for name, child := range v {
				walk(child, at+"/"+name)
			}
		case []any:
			for i, child := range v {
				walk(child, at+"/"+strconv.Itoa(i))
			}
		}
	}
	walk(document, "")
	if arrays < 10 {
		t.Errorf("%d arrays were found", arrays)
	}
}
