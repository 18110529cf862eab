package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
)

// A body that breaks a rule is refused with the code and the field's name.
func TestRefusedWrites(t *testing.T) {
	s, _ := openServer(func(o *Options) {
		o.Limits.MaxBatchRecords = 5
		o.Limits.MaxRecordBytes = 1 << 15
	})
	x := func(n int) string { return strings.Repeat("x", n) }
	keys := func(n int) string {
		return "{" + strings.TrimSuffix(strings.Repeat(`"k":1,`, n), ",") + "}"
	}
	record := func(fields string) string { return `{"records":[{},{` + fields + `}]}` }
	for _, tc := range []struct{ body, code, message string }{
		{`{}`, "invalid_request", "records: at least one"},
		{`{"records":[]}`, "invalid_request", "records: at least one"},
		{`{"records":null}`, "invalid_request", "records: at least one"},
		{`{"records":{}}`, "invalid_request", "records: expected an array, found an object"},
		{`[]`, "invalid_request", "the body: expected an object, found an array"},
		{`{"records":[1]}`, "invalid_request", "records[0]: expected an object, found a number"},
		{`{"records":[null]}`, "invalid_request", "records[0]: expected an object, found null"},
		{`{"records":[{},{},{},{},{},{}]}`, "batch_too_large", "at most 5 records"},
		{record(`"tag":1`), "invalid_request", "records[1].tag: expected a string, found a number"},
		{record(`"tag":"\ud800"`), "invalid_request", "records[1].tag: expected a string, found an escaped lone surrogate"},
		{record(`"tag":"` + x(257) + `"`), "invalid_request", "records[1].tag: has 257 bytes; at most 256"},
		{record(`"node":[]`), "invalid_request", "records[1].node: expected a string"},
		{record(`"node":"` + x(129) + `"`), "invalid_request", "records[1].node: has 129 bytes"},
		{record(`"meta":[]`), "invalid_request", "records[1].meta: expected an object, found an array"},
		{record(`"meta":{"x":"` + x(16<<10) + `"}`), "invalid_request", "records[1].meta: has 16392 bytes"},
		{record(`"meta":` + keys(65)), "invalid_request", "records[1].meta: has 65 keys; at most 64"},
		{record(`"data":"` + x(1<<15) + `"`), "record_too_large", "records[1] has 32770 bytes"},
		{record(`"data":"` + x(1<<15-10) + `","meta":{"a":1234}`), "record_too_large", "records[1] has"},
		{record(`"data":1.`), "invalid_request", "not valid JSON: expected a digit"},
		{record(`"\ud800":1`), "invalid_request", "lone surrogate"},
		{`{"node":1,"records":[{}]}`, "invalid_request", "node: expected a string"},
		{`{"node":"` + x(129) + `","records":[{}]}`, "invalid_request", "node: has 129 bytes"},
		{`{"idempotency_key":"` + x(257) + `","records":[{}]}`, "invalid_request", "idempotency_key: has 257"},
		{`{"idempotency_key":7,"records":[{}]}`, "invalid_request", "idempotency_key: expected a string"},
		{`{"create":"yes","records":[{}]}`, "invalid_request", "create: expected a boolean"},
		{`{"config":[],"records":[{}]}`, "invalid_request", "config: expected an object"},
		{`{"config":{"ttl_ms":"1"},"records":[{}]}`, "invalid_request", "config.ttl_ms: expected a number, found a string"},
		{`{"config":{"durable":null},"records":[{}]}`, "invalid_request", "config.durable: expected a boolean, found null"},
		{`{"expected_head_seq":-1,"records":[{}]}`, "invalid_request", "expected_head_seq: expected an integer that is not negative"},
		{`{"expected_head_seq":1.5,"records":[{}]}`, "invalid_request", "expected_head_seq: expected an integer"},
		{`{"expected_head_seq":18446744073709551616,"records":[{}]}`, "invalid_request", "expected_head_seq: expected an integer of 64 bits"},
		{`{"disable_backpressure":0,"records":[{}]}`, "invalid_request", "disable_backpressure: expected a boolean"},
		{`{"records":[{}]} x`, "invalid_request", "nothing after the document"},
		{`{"records":[{"data":` + strings.Repeat("[", 126) + strings.Repeat("]", 126) + `}]}`, "invalid_request", "128 levels"},
		{"{\"records\":[{\"data\":\"\xff\"}]}", "invalid_request", "valid UTF-8"},
	} {
		if got := wantCode(t, do(s, "POST", "/v0/topics/t", tc.body), 400, tc.code); !strings.Contains(got, tc.message) {
			t.Errorf("%.60s: %q, want %q in it", tc.body, got, tc.message)
		}
	}
	w := do(s, "POST", "/v0/topics/t", record(`"tag":1`))
	if !strings.Contains(w.Body.String(), `"detail":{"field":"records[1].tag"}`) {
		t.Errorf("no field in the detail of %s", w.Body)
	}
	w = do(s, "POST", "/v0/topics/t", `{"records":[{}]}`, "Idempotency-Key", x(257))
	wantCode(t, w, 400, "invalid_request")
	wantCode(t, do(s, "POST", "/v0/topics/-t", `{"records":[{}]}`), 400, "invalid_request")
}

// What sits exactly at a limit passes, and all of it reaches the engine.
func TestDecodedWrite(t *testing.T) {
	s, e := openServer(nil)
	tag, node, key := strings.Repeat("t", 256), strings.Repeat("n", 128), strings.Repeat("k", 256)
	body := fmt.Sprintf(`{"unknown":[{}],"records":[{"tag":%q,"node":%q,"x":1},{"tag":"","node":""},{"tag":null,"node":null,"meta":null,"data":7}],
		"node":"body","idempotency_key":%q,"create":false,"config":{"ttl_ms":5,"new":1,"priority":null},
		"expected_head_seq":18446744073709551615,"disable_backpressure":true}`, tag, node, key)
	if w := do(s, "POST", "/v0/topics/t", body, "Idempotency-Key", "header"); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w := e.last
	if w.IdempotencyKey != key || *w.Create || *w.Config.TTLMS != 5 || *w.Config.Priority != nil || w.Config.Type != nil ||
		*w.ExpectedHead != 1<<64-1 || !w.DisableBackpressure {
		t.Errorf("decoded %+v", w)
	}
	r := w.Records
	if string(r[0].Tag) != tag || string(r[0].Node) != node || string(r[0].Data) != "null" || r[0].Meta != nil {
		t.Errorf("record 0 is %+v", r[0])
	}
	if r[1].Tag != nil || r[1].Node != nil {
		t.Errorf("record 1 is %+v", r[1])
	}
	if r[2].Tag != nil || string(r[2].Node) != "body" || r[2].Meta != nil || string(r[2].Data) != "7" {
		t.Errorf("record 2 is %+v", r[2])
	}
	// The last one counts, unless it says that it is left out.
	do(s, "POST", "/v0/topics/t", `{"node":"a","records":[{"tag":"x","tag":"t","tag":null,"node":"n","node":null,"meta":{"m":1},"meta":null,"data":1,"data":null}],
		"node":null}`)
	if r := e.last.Records[0]; string(r.Tag) != "t" || string(r.Node) != "n" || string(r.Meta) != `{"m":1}` || string(r.Data) != "null" {
		t.Errorf("decoded %+v", r)
	}
	do(s, "POST", "/v0/topics/t", `{"records":[{}]}`, "Idempotency-Key", "header")
	if e.last.IdempotencyKey != "header" || e.last.Create != nil || e.last.Config != nil || e.last.ExpectedHead != nil {
		t.Errorf("decoded %+v", e.last)
	}
}

func TestRefusedConfigs(t *testing.T) {
	s, _ := openServer(nil)
	for body, message := range map[string]string{
		`{"type":1}`:                              "type: expected a string",
		`{"type":"list"}`:                         `"list"`,
		`{"ttl_ms":-1}`:                           "ttl_ms",
		`{"ttl_ms":1.5}`:                          "ttl_ms: expected an integer, found a number with a fraction",
		`{"cap_records":"1"}`:                     "cap_records: expected a number",
		`{"cap_bytes":true}`:                      "cap_bytes: expected a number",
		`{"discard":null}`:                        "discard: expected a string",
		`{"durable":"no"}`:                        "durable: expected a boolean",
		`{"durability":3}`:                        "durability: expected a string",
		`{"priority":"high"}`:                     "priority: expected a number",
		`{"auto_priority":1}`:                     "auto_priority: expected a boolean",
		`{"auto_create":1}`:                       "auto_create: expected a boolean",
		`{"idempotency_window_ms":[]}`:            "idempotency_window_ms: expected a number",
		`{"dedupe_node":{}}`:                      "dedupe_node: expected a boolean",
		`{"lease_ms":9e99}`:                       "lease_ms: expected an integer",
		`{"claim_jitter_ms":null}`:                "claim_jitter_ms: expected a number",
		`{"max_deliveries":99999999999999999999}`: "max_deliveries: expected an integer of 64 bits",
		`{"dead_letter":1}`:                       "dead_letter: expected a string",
		`{"dead_letter":"t"}`:                     "dead_letter",
		`{"leases_durable":"x"}`:                  "leases_durable: expected a boolean",
		`null`:                                    "expected an object, found null",
		`{"ttl_ms":1`:                             "not valid JSON",
	} {
		for _, method := range []string{"PUT", "PATCH"} {
			do(s, "PUT", "/v0/topics/t", "")
			if got := wantCode(t, do(s, method, "/v0/topics/t", body), 400, "invalid_request"); !strings.Contains(got, message) {
				t.Errorf("%s: %q, want %q in it", body, got, message)
			}
		}
	}
}

func TestReadRequests(t *testing.T) {
	l := wire.DefaultLimits()
	for _, tc := range []struct{ body, query, want string }{
		{``, ``, `0 256 1048576 0s [] tags=false meta=true`},
		{`{"limit":0,"max_batch_bytes":0,"node":null,"match":null}`, `limit=0&max_batch_bytes=0`, `0 256 1048576 0s [] tags=false meta=true`},
		{`{"from_seq":18446744073709551615,"limit":9999,"max_batch_bytes":99999999,"wait_ms":31000}`,
			`from_seq=18446744073709551615&limit=9999&max_batch_bytes=99999999&wait_ms=31000`,
			`18446744073709551615 1000 8388608 30s [] tags=false meta=true`},
		{`{"include_tags":true,"include_meta":false,"node":"a","limit":1}`, `include_tags=true&include_meta=0&node=a&limit=1`,
			`0 1 1048576 0s [a] tags=true meta=false`},
		{`{"node":["a","b"],"max_batch_bytes":1,"wait_ms":5}`, `node=a&node=b&max_batch_bytes=1&wait_ms=5`,
			`0 256 1 5ms [a b] tags=false meta=true`},
	} {
		show := func(q *request.Read, err error) string {
			if err != nil {
				return err.Error()
			}
			e := q.Query(&l)
			return fmt.Sprint(e.From, e.Limit, e.MaxBytes, e.Wait, e.Nodes) + fmt.Sprintf(" tags=%t meta=%t", q.Tags, q.Meta)
		}
		var body []byte
		if tc.body != "" {
			body = []byte(tc.body)
		}
		if got := show(request.DecodeRead(body, &l, nil)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.body, got, tc.want)
		}
		p, err := url.ParseQuery(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := show(request.DecodeReadQuery(p, &l)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.query, got, tc.want)
		}
	}
}

func TestRefusedReads(t *testing.T) {
	s, _ := openServer(nil)
	do(s, "PUT", "/v0/topics/t", "")
	many := strings.TrimSuffix(strings.Repeat(`"n",`, 257), ",")
	for body, message := range map[string]string{
		`{"from_seq":-1}`:                "from_seq: expected an integer that is not negative",
		`{"limit":-1}`:                   "limit: is -1",
		`{"max_batch_bytes":-1}`:         "max_batch_bytes: is -1",
		`{"wait_ms":-1}`:                 "wait_ms: is -1",
		`{"limit":"1"}`:                  "limit: expected a number",
		`{"include_tags":1}`:             "include_tags: expected a boolean",
		`{"include_meta":"true"}`:        "include_meta: expected a boolean",
		`{"node":1}`:                     "node: expected a string or an array, found a number",
		`{"node":["a",1]}`:               "node: expected a string, found a number",
		`{"node":[` + many + `]}`:        "node: at most 256",
		`{"match":1}`:                    "match: expected a string or an array",
		`{"match":[]}`:                   "match: must be",
		`{"match":["tag","Eq"]}`:         "match: must be",
		`{"match":["tag","Eq","a","b"]}`: "match: must be",
		`{"match":["node","Eq","a"]}`:    "match: must be",
		`{"match":["tag","Re","a"]}`:     "match: operator",
		`{"match":["tag","Glob","a*b"]}`: "match: Glob",
		`{"match":["tag","Glob",1]}`:     "match: expected a string",
		`{"match":"*a"}`:                 "match: Glob",
		`{"match":"\udead"}`:             "match: expected a string, found an escaped lone surrogate",
		`"x"`:                            "expected an object",
	} {
		if got := wantCode(t, do(s, "POST", "/v0/topics/t/diff", body), 400, "invalid_request"); !strings.Contains(got, message) {
			t.Errorf("%.60s: %q, want %q in it", body, got, message)
		}
	}
	for query, field := range map[string]string{
		"from_seq=-1": "from_seq", "from_seq=": "from_seq", "limit=1.5": "limit", "wait_ms=-1": "wait_ms", "max_batch_bytes=x": "max_batch_bytes",
		"include_tags=yes": "include_tags", "include_meta=": "include_meta", "match=%5B1%5D": "match", "match=%5B": "match", "match=a*b": "match",
		"match=%5B%22tag%22,%22Eq%22,%22a%22%5Dx": "match",
		"node=" + strings.Repeat("n", 129):        "node", strings.Repeat("node=n&", 257): "node",
	} {
		if got := wantCode(t, do(s, "GET", "/v0/topics/t/diff?"+query, ""), 400, "invalid_request"); !strings.HasPrefix(got, field+": ") {
			t.Errorf("%.60s: %q does not name %s", query, got, field)
		}
	}
	wantCode(t, do(s, "POST", "/v0/topics/absent/diff", `{}`), 404, "topic_not_found")
}
