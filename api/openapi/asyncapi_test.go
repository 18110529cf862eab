package openapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/e6e95bb8/topics/api/openapi"
	"github.com/e6e95bb8/topics/api/openapi/source"
)

func TestStreamsCompiled(t *testing.T) {
	want, err := source.CompileStreams()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(openapi.Streams(), want) {
		t.Error("asyncapi.json is not what its source says: run go generate ./api/openapi")
	}
}

// The document is valid AsyncAPI 3.0 by the schema of the specification, which
// testdata has as @asyncapi/specs 6.11.1 published it (Apache-2.0), and all of its
// references lead somewhere.
func TestStreamsValid(t *testing.T) {
	packed, err := os.Open("testdata/asyncapi-3.0.0.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(plain)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("asyncapi", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("asyncapi")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.Streams()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(document); err != nil {
		t.Errorf("%.4000s", err)
	}
	references := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				references++
				if !leads(document, ref) {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(document)
	if references < 100 {
		t.Errorf("%d references were found", references)
	}
}

// leads reports whether a reference leads to a part of the document.
func leads(document any, ref string) bool {
	v := document
	for _, name := range bytes.Split([]byte(ref), []byte("/"))[1:] {
		object, ok := v.(map[string]any)
		if !ok || object[string(name)] == nil {
			return false
		}
		v = object[string(name)]
	}
	return ref[0] == '#'
}

// Every event and every message of either side of the OpenAPI document is a message.
func TestStreamsHaveAllMessages(t *testing.T) {
	var doc struct {
		Operations map[string]struct {
			Action   string
			Messages []struct {
				Ref string `json:"$ref"`
			}
		}
	}
	if err := json.Unmarshal(openapi.Streams(), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for name, op := range doc.Operations {
		got = append(got, name+" "+op.Action)
		if len(op.Messages) < 4 {
			t.Errorf("%s has %d messages", name, len(op.Messages))
		}
	}
	slices.Sort(got)
	want := []string{"receiveOverSocket receive", "sendOverSocket send", "streamWatch send", "watchTopics send", "work send"}
	if !slices.Equal(got, want) {
		t.Errorf("operations are %v, want %v", got, want)
	}
}
