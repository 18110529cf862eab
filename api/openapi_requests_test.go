package api

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/e6e95bb8/topics/api/openapi"
	"github.com/e6e95bb8/topics/api/openapi/conform"
	"github.com/e6e95bb8/topics/api/wire"
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
			content, ok := op.RequestBody.Content[wire.MediaJSON]
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

// ofQueues are the ends of the paths that only queues have.
var ofQueues = []string{"/claim", "/ack", "/nack", "/extend", "/promote", "/release", "/redrive"}

// examplePath puts names into a documented path.
func examplePath(path string) string {
	topic := "orders"
	if slices.ContainsFunc(ofQueues, func(end string) bool { return strings.HasSuffix(path, end) }) {
		topic = "jobs"
	}
	return strings.NewReplacer("{topic}", topic, "{router}", url.PathEscape("orders>audit"), "{check}", "backup").Replace(path)
}

// Every field that the document has for a body is one that the server reads: a
// value of a wrong type is refused by its name.
func TestDocumentedFieldsAreRead(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "orders", "")
	for _, b := range requestBodies(t) {
		for _, field := range b.properties {
			w := do(s, b.method, examplePath(b.path), `{"`+field+`":7.5}`, "X-Confirm", "true")
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
	s := serveReal(t, func(o *Options) {
		o.BackupVerified = func(int64) (time.Time, error) { return time.UnixMilli(1), nil }
	}, nil)
	s.put(t, "orders", "")
	s.put(t, "jobs", `{"type":"queue","dead_letter":"dead"}`)
	for _, b := range requestBodies(t) {
		if b.example == nil {
			t.Errorf("%s %s: no example", b.method, b.path)
			continue
		}
		if w := do(s, b.method, examplePath(b.path), string(b.example), "X-Confirm", "true"); w.Code > 201 {
			t.Errorf("%s %s with %s: %d %s", b.method, b.path, b.example, w.Code, w.Body)
		}
	}
}

// What the document says of a body is what the server says of it.
func TestDocumentedBodiesAreJudgedAlike(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "orders", "")
	s.put(t, "jobs", `{"type":"queue"}`)
	const event = `{"specversion":"1.0","id":"1","source":"/s","type":"t",`
	for _, tt := range []struct {
		schema, method, path string
		taken                bool
		body                 string
	}{
		{"DeleteRequest", "POST", "/v0/topics/orders/delete", false, `{}`},
		{"DeleteRequest", "POST", "/v0/topics/orders/delete", false, `{"before_seq":null,"match":null}`},
		{"DeleteRequest", "POST", "/v0/topics/orders/delete", true, `{"before_seq":0,"match":null}`},
		{"DeleteRequest", "POST", "/v0/topics/orders/delete", true, `{"match":"x"}`},
		{"DeleteRequest", "POST", "/v0/topics/orders/delete", true, `{"before_seq":18446744073709551615}`},
		{"DeleteRequest", "POST", "/v0/topics/orders/delete", false, `{"before_seq":18446744073709551616}`},
		{"WatchRequest", "POST", "/v0/watch", false, `{"heartbeat_ms":1000}`},
		{"WatchRequest", "POST", "/v0/watch", false, `{"topics":{},"prefixes":null,"limit":1}`},
		{"WatchRequest", "POST", "/v0/watch", false, `{"topics":{"":{}}}`},
		{"WatchRequest", "POST", "/v0/watch", false, `{"prefixes":{"-":{}}}`},
		{"WatchRequest", "POST", "/v0/watch", true, `{"topics":{"orders":null}}`},
		{"WatchRequest", "POST", "/v0/watch", true, `{"topics":{},"prefixes":{"":{}}}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", false, `{"match":["tag","Glob","x"]}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", false, `{"match":["tag","Glob","x*y*"]}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", true, `{"match":["tag","Glob","x*"]}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", true, `{"match":["tag","Eq","x*y"]}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", false, `{"match":"x*y"}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", true, `{"match":"x*"}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", true, `{"limit":9223372036854775807}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", false, `{"limit":9223372036854775808}`},
		{"ConfigRequest", "PUT", "/v0/topics/orders", false, `{"dead_letter":""}`},
		{"ConfigRequest", "PUT", "/v0/topics/orders", true, `{"dead_letter":"dead","lease_ms":-9223372036854775808}`},
		{"ConfigRequest", "PUT", "/v0/topics/orders", false, `{"lease_ms":-9223372036854775809}`},
		{"ConfigRequest", "PUT", "/v0/topics/orders", false, `{"priority":9223372036854775808}`},
		{"HeartbeatRequest", "PUT", "/v0/admin/checks/backup", false, `{"status":null}`},
		{"HeartbeatRequest", "PUT", "/v0/admin/checks/backup", true, `{"status":"healthy","reason":null,"ttl_ms":null,"affects":null}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", false, `{"from_seq":0,"from_ts":0}`},
		{"ReadRequest", "POST", "/v0/topics/orders/diff", true, `{"from_seq":null,"from_ts":0}`},
		{"WriteRequest", "POST", "/v0/topics/jobs", false, `{"records":[{"delay_ms":1,"not_before":0}]}`},
		{"WriteRequest", "POST", "/v0/topics/jobs", true, `{"records":[{"delay_ms":1},{"not_before":0}]}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", false, event + `"a-b":null}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", true, event + `"ab":null,"c":true,"d":-2147483648,"e":""}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", false, event + `"d":2147483648}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", false, event + `"subject":""}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", false, event + `"subject":"\u0085"}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", false, event + `"datacontenttype":"text/"}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", true, event + `"datacontenttype":"text/plain; charset=utf-8"}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", false, event + `"data_base64":"AB=="}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", true, event + `"data_base64":"AQ=="}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", false, event + `"data":null,"data_base64":"AQ=="}`},
		{"CloudEvent", "POST", "/v0/topics/orders/events", true, event + `"data":1,"data_base64":null}`},
	} {
		body, err := jsonschema.UnmarshalJSON(strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		documented := conform.Load().Valid("/components/schemas/"+tt.schema, body)
		if (documented == nil) != tt.taken {
			t.Errorf("%s %s: the document says %v", tt.schema, tt.body, documented)
		}
		header := []string{"X-Confirm", "true"}
		if tt.schema == "CloudEvent" {
			header = []string{"Content-Type", "application/cloudevents+json"}
		}
		if w := do(s, tt.method, tt.path, tt.body, header...); (w.Code < 300) != tt.taken {
			t.Errorf("%s %s: %d %s", tt.path, tt.body, w.Code, w.Body)
		}
	}
}

// What the document says of a predicate in a query, and of the tags of a metric, is
// what the server says of it.
func TestDocumentedQueriesAreJudgedAlike(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "orders", "")
	for _, tt := range []struct {
		schema, path string
		taken        bool
		value        string
	}{
		{"QueryMatch", "/v0/topics/orders/diff?match=", true, ""},
		{"QueryMatch", "/v0/topics/orders/diff?match=", true, "x"},
		{"QueryMatch", "/v0/topics/orders/diff?match=", true, "x*"},
		{"QueryMatch", "/v0/topics/orders/diff?match=", true, "*"},
		{"QueryMatch", "/v0/topics/orders/diff?match=", false, "x*y"},
		{"QueryMatch", "/v0/topics/orders/diff?match=", false, "**"},
		{"QueryMatch", "/v0/topics/orders/diff?match=", false, "["},
		{"QueryMatch", "/v0/topics/orders/diff?match=", true, `["tag","Eq","a*b"]`},
		{"QueryMatch", "/v0/topics/orders/diff?match=", true, `[ "tag", "Glob" , "a\"\n*"]`},
		{"QueryMatch", "/v0/topics/orders/diff?match=", false, `["tag","Glob","a"]`},
		{"QueryMatch", "/v0/topics/orders/diff?match=", false, `["tag","Eq"]`},
		{"QueryMatch", "/v0/topics/orders/diff?match=", false, "[\"tag\",\"Eq\",\"\n\"]"},
		{"MetricTag", "/actuator/metrics/topics_topics?tag=", false, "class"},
		{"MetricTag", "/actuator/metrics/topics_topics?tag=", true, ":"},
	} {
		documented := conform.Load().Valid("/components/schemas/"+tt.schema, tt.value)
		if (documented == nil) != tt.taken {
			t.Errorf("%s %q: the document says %v", tt.schema, tt.value, documented)
		}
		if w := do(s, "GET", tt.path+url.QueryEscape(tt.value), ""); (w.Code != 400) != tt.taken {
			t.Errorf("%s%q: %d %s", tt.path, tt.value, w.Code, w.Body)
		}
	}
}

// A predicate in a query is not called a body.
func TestMatchInQueryIsNoBody(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "orders", "")
	w := do(s, "GET", "/v0/topics/orders/diff?match=[x", "")
	if want := `"message":"match: is not valid JSON: expected a string, found 'x' at byte 1"`; w.Code != 400 || !strings.Contains(w.Body.String(), want) {
		t.Errorf("%d %s, want %s", w.Code, w.Body, want)
	}
}
