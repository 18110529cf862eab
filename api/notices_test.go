package api

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/e6e95bb8/topics/api/openapi"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
)

// slot is a place in a request's body where a misspelt name can stand: the
// body with %s where fields go, the name of the object as a warning has it, and
// the way to the object's schema in the document.
type slot struct {
	body   string
	place  string
	schema []string
}

// slots are those of each operation with a body.
var bodySlots = map[string][]slot{
	"PUT /v0/topics/{topic}":   {{`{%s}`, "", nil}},
	"PATCH /v0/topics/{topic}": {{`{%s}`, "", nil}},
	"POST /v0/topics/{topic}": {
		{`{"records":[{"data":1}],%s}`, "", nil},
		{`{"records":[{"data":1,%s}]}`, "records[0]", []string{"records", "[]"}},
		{`{"records":[{"data":1}],"config":{%s}}`, "config", []string{"config"}},
	},
	"POST /v0/topics/{topic}/claim":   {{`{"node":"w",%s}`, "", nil}},
	"POST /v0/topics/{topic}/nack":    {{`{"node":"w","seqs":[],%s}`, "", nil}},
	"POST /v0/topics/{topic}/extend":  {{`{"node":"w","seqs":[],%s}`, "", nil}},
	"POST /v0/topics/{topic}/promote": {{`{"seqs":[],%s}`, "", nil}},
	"POST /v0/topics/{topic}/release": {{`{"seqs":[],%s}`, "", nil}},
	"POST /v0/topics/{topic}/redrive": {{`{%s}`, "", nil}},
	"POST /v0/topics/{topic}/ack": {
		{`{"node":"w","seqs":[],%s}`, "", nil},
		{`{"node":"w","seqs":[],"then":[{"topic":"u","records":[{"data":1}],%s}]}`, "then[0]", []string{"then", "[]"}},
	},
	"POST /v0/topics/{topic}/dead-letters/{seq}/replay": {{`{%s}`, "", nil}},
	"POST /v0/topics/{topic}/diff":                      {{`{%s}`, "", nil}},
	"POST /v0/topics/{topic}/delete":                    {{`{"before_seq":1,%s}`, "", nil}},
	"PUT /v0/routers/{router}":                          {{`{"source":"t","dest":"u",%s}`, "", nil}},
	"POST /v0/admin/checkpoint":                         {{`{%s}`, "", nil}},
	"POST /v0/admin/verify":                             {{`{%s}`, "", nil}},
	"POST /v0/admin/compact":                            {{`{%s}`, "", nil}},
	"POST /v0/admin/backup":                             {{`{%s}`, "", nil}},
	"POST /v0/admin/sessions/{id}/close":                {{`{%s}`, "", nil}},
	"POST /v0/admin/requests/{id}/cancel":               {{`{%s}`, "", nil}},
	"POST /v0/admin/backups/verified":                   {{`{"through_ts":7,%s}`, "", nil}},
	"PUT /v0/admin/checks/{check}":                      {{`{"status":"healthy",%s}`, "", nil}},
	"POST /v0/watch": {
		{`{"topics":{"t":{}},%s}`, "", nil},
		{`{"topics":{"t":{%s}}}`, "topics.t", []string{"topics", "*"}},
		{`{"prefixes":{"t":{%s}}}`, "prefixes.t", []string{"prefixes", "*"}},
	},
}

// fieldNames are the names of the fields of the object that a slot is in.
func fieldNames(schema *openapi3.Schema, way []string) (names []string) {
	if schema == nil {
		return nil
	}
	for _, part := range append(slices.Clone(schema.AllOf), slices.Concat(schema.AnyOf, schema.OneOf)...) {
		names = append(names, fieldNames(part.Value, way)...)
	}
	if len(way) == 0 {
		return append(names, slices.Collect(maps.Keys(schema.Properties))...)
	}
	switch way[0] {
	case "[]":
		if schema.Items != nil {
			names = append(names, fieldNames(schema.Items.Value, way[1:])...)
		}
	case "*":
		if more := schema.AdditionalProperties.Schema; more != nil {
			names = append(names, fieldNames(more.Value, way[1:])...)
		}
	default:
		if p := schema.Properties[way[0]]; p != nil {
			names = append(names, fieldNames(p.Value, way[1:])...)
		}
	}
	return names
}

// misspell doubles a name's last letter.
func misspell(name string) string { return name + name[len(name)-1:] }

// TestMisspeltNames sends every operation of the document each name that its
// body and its query may have, misspelt: the answer must point to the right
// one, and a strict one must be a 400 about that field.
func TestMisspeltNames(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	if err != nil {
		t.Fatal(err)
	}
	bodies, parameters := 0, 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			target := strings.NewReplacer("{topic}", "t", "{router}", "t%3Eu", "{id}", "wid_none", "{wid}", "wid_none", "{check}", "backup", "{seq}", "7").Replace(path)
			// Events have extensions: no name in them is unknown.
			if op.RequestBody != nil && op.RequestBody.Value.Content[wire.MediaJSON] != nil {
				slots, ok := bodySlots[name]
				if !ok {
					t.Errorf("%s has a body and is not known here", name)
				}
				schema := op.RequestBody.Value.Content.Get(wire.MediaJSON).Schema.Value
				for _, sl := range slots {
					for _, field := range fieldNames(schema, sl.schema) {
						bodies++
						typo := misspell(field)
						body := fmt.Sprintf(sl.body, fmt.Sprintf("%q:null", typo))
						body = strings.NewReplacer(`,}`, `}`).Replace(body)
						place := ""
						if sl.place != "" {
							place = sl.place + "."
						}
						checkMisspelt(t, method, target, body, wire.Unknown(sl.place, "field", typo, []string{field}), place+typo)
					}
				}
			}
			if served(op) {
				for _, p := range op.Parameters {
					if p.Value.In != "query" {
						continue
					}
					parameters++
					typo := misspell(p.Value.Name)
					body := ""
					if slots := bodySlots[name]; slots != nil {
						body = strings.NewReplacer(`,%s`, ``, `%s`, ``).Replace(slots[0].body)
					}
					checkMisspelt(t, method, target+"?"+url.QueryEscape(typo)+"=1", body,
						wire.Unknown("query", "parameter", typo, []string{p.Value.Name}), typo)
				}
			}
		}
	}
	if bodies < 60 || parameters < 30 {
		t.Errorf("%d fields and %d parameters were misspelt", bodies, parameters)
	}
}

// served reports whether an operation can be made strict.
func served(op *openapi3.Operation) bool {
	return slices.ContainsFunc(op.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == "X-Strict" })
}

// checkMisspelt sends a request, and again strictly, in both ways.
func checkMisspelt(t *testing.T, method, target, body, warning, field string) {
	t.Helper()
	fresh := func() *Server {
		s, _ := openServer(func(o *Options) { o.Storage = &fakeStorage{} })
		do(s, "PUT", "/v0/topics/t", "")
		return s
	}
	header := []string{"X-Confirm", "true"}
	w := do(fresh(), method, target, body, header...)
	if streams := strings.HasPrefix(target, "/v0/watch/") || strings.HasPrefix(target, "/v0/ws") || strings.HasSuffix(target, "/backup"); !streams || w.Code != 200 {
		got, _ := object(t, w)["warnings"].([]any)
		if len(got) != 1 || got[0] != warning {
			t.Errorf("%s %s %s: %d %s, want the warning %s", method, target, body, w.Code, w.Body, warning)
		}
	}
	strictly := target + "?strict=true"
	if strings.Contains(target, "?") {
		strictly = target + "&strict=true"
	}
	for _, w := range []*struct {
		code int
		body map[string]any
	}{
		asked(t, fresh(), method, target, body, append(header, "X-Strict", "true")...),
		asked(t, fresh(), method, strictly, body, header...),
	} {
		e, _ := w.body["error"].(map[string]any)
		detail, _ := e["detail"].(map[string]any)
		if w.code != 400 || e["code"] != "invalid_request" || detail["field"] != field {
			t.Errorf("strictly %s %s %s: %d %v, want field %s", method, target, body, w.code, w.body, field)
		}
	}
}

func asked(t *testing.T, s *Server, method, target, body string, header ...string) *struct {
	code int
	body map[string]any
} {
	t.Helper()
	w := do(s, method, target, body, header...)
	return &struct {
		code int
		body map[string]any
	}{w.Code, object(t, w)}
}

// A record without data is stored with null, and said so.
func TestRecordWithoutData(t *testing.T) {
	s, _ := openServer(nil)
	w := do(s, "POST", "/v0/topics/t", `{"records":[{"data":null},{"dta":1},{}]}`)
	got := fmt.Sprint(object(t, w)["warnings"])
	want := `[records[1]: unknown field "dta"; did you mean "data"? records[1] has no data: null is stored records[2] has no data: null is stored]`
	if w.Code != 201 || got != want {
		t.Errorf("%d %s, want %s", w.Code, got, want)
	}
	if w := do(s, "POST", "/v0/topics/t?strict=1", `{"records":[{"data":null}]}`); w.Code != 200 {
		t.Errorf("null is data: %d %s", w.Code, w.Body)
	}
	wantCode(t, do(s, "POST", "/v0/topics/t", `{"records":[{}]}`, "X-Strict", "true"), 400, "invalid_request")
	wantCode(t, do(s, "POST", "/v0/topics/t?strict=maybe", `{"records":[{"data":1}]}`), 400, "invalid_request")
	for _, v := range []string{"maybe", ""} {
		wantCode(t, do(s, "POST", "/v0/topics/t", `{"records":[{"data":1}]}`, "X-Strict", v), 400, "invalid_request")
	}
	if w := do(s, "GET", "/v0/topics/t", ""); !strings.Contains(w.Body.String(), `"head_seq":4`) {
		t.Errorf("strict calls that were refused left something: %s", w.Body)
	}
}

// There are ten warnings at most, and each quotes little.
func TestWarningsAreBounded(t *testing.T) {
	s, _ := openServer(nil)
	var fields []string
	for i := range 100 {
		fields = append(fields, fmt.Sprintf(`"%s%d":{}`, strings.Repeat("é", 5000), i))
	}
	w := do(s, "PUT", "/v0/topics/t", "{"+strings.Join(fields, ",")+"}")
	if got, _ := object(t, w)["warnings"].([]any); w.Code != 201 || len(got) != wire.MaxWarnings || w.Body.Len() > 4096 {
		t.Errorf("%d, %d warnings, %d bytes", w.Code, len(got), w.Body.Len())
	}
}

// Fields that nothing knows cost no more once there are as many warnings as an
// answer has: a body may have millions.
func TestManyUnknownFieldsAreCheap(t *testing.T) {
	body := []byte("{" + strings.Repeat(`"heartbeet_ms":0,`, 5000) + `"limit":1}`)
	allocs := testing.AllocsPerRun(5, func() {
		var notes wire.Notices
		if _, err := request.DecodeRead(body, &wire.Limits{}, &notes); err != nil || notes.Len() != wire.MaxWarnings {
			t.Fatal(err, notes.Len())
		}
	})
	if allocs > 1000 {
		t.Errorf("%v allocations", allocs)
	}
}
