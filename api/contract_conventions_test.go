package api

import (
	"fmt"
	"strings"
	"testing"
)

// Section 0, names.
func TestContractNames(t *testing.T) {
	longest := strings.Repeat("x", 255)
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for _, name := range []string{"a", "0", "Z", "a.b_c:d-e", "A9._:-", longest} {
			s.walk(step{"PUT /v0/topics/" + name, `{}`, 201, `{"topic":"` + name + `"}`})
			s.walk(step{"GET /v0/topics/" + name, ``, 200, `{"topic":"` + name + `"}`})
			ends := `{"source":"s","dest":"d"}`
			s.walk(step{"PUT /v0/routers/" + name, ends, 201, `{"router":"` + name + `"}`})
		}
		for _, name := range []string{"a%3Eb", "a>b", "a>>", strings.Repeat("r", 254) + ">"} {
			plain := strings.ReplaceAll(name, "%3E", ">")
			s.walk(
				step{"PUT /v0/routers/" + name, `{"source":"s","dest":"d"}`, s.made("/v0/routers/" + name), `{"router":"` + plain + `"}`},
				step{"GET /v0/routers/" + name, ``, 200, `{"router":"` + plain + `"}`},
			)
		}
		for _, name := range []string{
			".a", "-a", "_a", ":a", "%20", "a%20b", "a%2Fb", "a%5Cb", "%C3%A9", "a%00", "%ff", "%2e%2e", "a+b", "a*", "a%25", "a@b", "a%0A", longest + "x",
		} {
			s.walk(
				step{"PUT /v0/topics/" + name, `{}`, 400, refusal("invalid_request")},
				step{"GET /v0/topics/" + name, ``, 400, refusal("invalid_request")},
				step{"DELETE /v0/topics/" + name, ``, 400, refusal("invalid_request")},
				step{"POST /v0/topics/" + name, `{"records":[{}]}`, 400, refusal("invalid_request")},
				step{"GET /v0/topics/" + name + "/diff", ``, 400, refusal("invalid_request")},
				step{"POST /v0/topics/" + name + "/delete", `{"before_seq":1}`, 400, refusal("invalid_request")},
				step{"PUT /v0/routers/" + name, `{"source":"s","dest":"d"}`, 400, refusal("invalid_request")},
				step{"GET /v0/routers/" + name, ``, 400, refusal("invalid_request")},
				step{"DELETE /v0/routers/" + name, ``, 400, refusal("invalid_request")},
			)
		}
		s.walk(
			step{"PUT /v0/topics/a>b", `{}`, 400, refusal("invalid_request")}, // a router's name only
			step{"PUT /v0/routers/%3Ea", `{"source":"s","dest":"d"}`, 400, refusal("invalid_request")},
			// Case-sensitive.
			step{"PUT /v0/topics/Case", `{}`, 201, ``},
			step{"GET /v0/topics/case", ``, 404, refusal("topic_not_found")},
			// Decoded before matching.
			step{"PUT /v0/topics/render%3Aa", `{}`, 201, `{"topic":"render:a"}`},
			step{"GET /v0/topics/render:a", ``, 200, `{"topic":"render:a"}`},
			step{"GET /v0/topics/%72%65nder%3aa/diff", ``, 200, `{"topic":"render:a"}`},
			step{"POST /v0/topics/render%3Aa/%64iff", `{}`, 200, `{"topic":"render:a"}`},
			// Names in bodies are not decoded, and are checked as well.
			step{"PUT /v0/routers/r", `{"source":"render%3Aa","dest":"d"}`, 400, badField("source")},
			step{"PUT /v0/routers/r", `{"source":"s","dest":"-d"}`, 400, badField("dest")},
			step{"PUT /v0/topics/q", `{"type":"queue","dead_letter":"a b"}`, 400, refusal("invalid_request")},
			step{"POST /v0/watch", `{"topics":{"a b":{}}}`, 400, refusal("invalid_request")},
		)
	})
}

// Section 0, content types.
func TestContractContentTypes(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for ask, body := range map[string]string{
			"PUT /v0/topics/t": `{}`, "PATCH /v0/topics/t": `{}`, "POST /v0/topics/t": `{"records":[{}]}`, "POST /v0/topics/t/diff": `{}`,
			"POST /v0/topics/t/delete": `{"before_seq":0}`, "PUT /v0/routers/r": `{"source":"a","dest":"b"}`, "POST /v0/watch": `{"topics":{"t":{}}}`,
		} {
			s.send("PUT /v0/topics/t", `{}`)
			for _, media := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;a=b", "application/json ;x"} {
				if a := s.send(ask, body, "Content-Type", media); a.status/100 != 2 {
					t.Errorf("%s as %s: %d %s", ask, media, a.status, a.body)
				}
			}
			for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application", "json", "application/json, text/plain"} {
				a := s.send(ask, body, "Content-Type", media)
				if d := a.differs(refusal("unsupported_media_type")); a.status != 415 || d != "" {
					t.Errorf("%s as %q: %d %s", ask, media, a.status, a.body)
				}
			}
		}
	})
}

// Section 0, what is no JSON.
func TestContractBodies(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.send("PUT /v0/topics/t", `{}`)
		asks := []string{
			"PUT /v0/topics/t", "PATCH /v0/topics/t", "POST /v0/topics/t", "POST /v0/topics/t/diff", "POST /v0/topics/t/delete", "PUT /v0/routers/r", "POST /v0/watch",
		}
		for _, ask := range asks {
			for _, body := range []string{
				"\ufeff{}", " ", "{", "{}}", "{} {}", "{}x", "{},", `{"a":1,}`, `{a:1}`, `{'a':1}`, `{"a":01}`, `{"a":+1}`, `{"a":.5}`, `{"a":NaN}`, `{"a":tru}`,
				`{"a":"` + "\n" + `"}`, `{"a":"` + "\x00" + `"}`, `{"a":"\x"}`, `{"a":"\u12"}`, "{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"\xff\":1}",
				`[]`, `1`, `"x"`, `null`, `true`, `/**/{}`, "{}\x00",
				`{"a":` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `}`,
				`{"a":` + strings.Repeat(`{"a":`, 128) + `1` + strings.Repeat("}", 128) + `}`,
				`{"a":` + strings.Repeat("[", 1_000_000) + `}`,
			} {
				a := s.send(ask, body)
				if d := a.differs(refusal("invalid_request")); a.status != 400 || d != "" {
					t.Errorf("%s %.40q: %d %.200s", ask, body, a.status, a.body)
				}
			}
		}
		nested := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
		s.walk(
			// 128 levels: the body, its records, the record, and 125 of its data.
			step{"POST /v0/topics/t", `{"records":[{"data":` + nested(125) + `}]}`, 200, ``},
			step{"POST /v0/topics/t", `{"records":[{"data":` + nested(126) + `}]}`, 400, refusal("invalid_request")},
			step{"POST /v0/topics/t", `{"records":[{"meta":{"m":` + nested(124) + `}}]}`, 200, ``},
			step{"POST /v0/topics/t", `{"records":[{"meta":{"m":` + nested(125) + `}}]}`, 400, refusal("invalid_request")},
			step{"PATCH /v0/topics/t", `{"unknown":` + nested(127) + `}`, 200, ``},
			step{"GET /v0/topics/t", ``, 200, `{"head_seq":2}`},
			// White space around is part of JSON.
			step{"PATCH /v0/topics/t", " \r\n\t{ } \n", 200, ``},
			// Of a field that stands twice the last counts; null is no field.
			step{"PATCH /v0/topics/t", `{"ttl_ms":1,"ttl_ms":0}`, 200, `{"config":{"ttl_ms":0}}`},
			step{"PATCH /v0/topics/t", `{"priority":1,"priority":null}`, 200, `{"config":{"priority":null}}`},
			step{"POST /v0/topics/t/diff", `{"limit":2,"limit":1,"limit":null}`, 200, `{"next_from_seq":1}`},
			step{"PUT /v0/routers/r", `{"source":"x","source":"t","dest":"u"}`, 201, `{"source":"t"}`},
		)
	})
}

// Section 0, compression.
func TestContractCompression(t *testing.T) {
	const limit = 256 << 10
	overBoth(t, func(o *Options) { o.Limits.MaxBodyBytes = limit }, func(t *testing.T, s *contractServer) {
		doc := []byte(`{"records":[{"data":"` + strings.Repeat("compressible ", 1000) + `"}]}`)
		bomb := []byte(`{"records":[{"data":"` + strings.Repeat(" ", 64<<20) + `"}]}`)
		fits := []byte(`{"records":[{"data":"` + strings.Repeat("x", limit-25) + `"}]}`)
		for coding, pack := range map[string]func([]byte) []byte{
			"gzip": func(b []byte) []byte { return gzipped(t, b) },
			"zstd": func(b []byte) []byte { return zstded(t, b) },
		} {
			for _, tc := range []struct {
				what   string
				body   []byte
				status int
			}{
				{"small", pack(doc), 200}, {"as large as allowed", pack(fits), 200}, {"a byte more", pack(append(fits, ' ')), 413},
				{"a bomb", pack(bomb), 413}, {"a bomb in a bomb", pack(pack(bomb)), 400}, {"cut", pack(doc)[:20], 400}, {"nothing of it", []byte("{}"), 400},
			} {
				s.send("PUT /v0/topics/t", `{}`)
				a := s.send("POST /v0/topics/t", string(tc.body), "Content-Encoding", coding)
				if a.status != tc.status {
					t.Errorf("%s, %s: %d %.200s", coding, tc.what, a.status, a.body)
				}
				if d := a.differs(refusal("payload_too_large")); tc.status == 413 && d != "" {
					t.Error(d)
				}
			}
			a := s.send("GET /v0/topics/t/diff?limit=1", "", "Accept-Encoding", coding)
			if a.header.Get("Content-Encoding") != coding || !strings.Contains(inflate(t, coding, strings.NewReader(string(a.body))), "compressible") {
				t.Errorf("%s: %v", coding, a.header)
			}
			if a = s.send("GET /v0/topics/t/diff?limit=1", ""); a.header.Get("Content-Encoding") != "" {
				t.Errorf("compressed for who did not ask: %v", a.header)
			}
			s.send("DELETE /v0/topics/t", "")
		}
		if a := s.send("POST /v0/topics/t", string(doc), "Content-Encoding", "deflate"); a.status != 415 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// Section 0, payloads and server fields.
func TestContractPayloads(t *testing.T) {
	datas := []string{
		`null`, `true`, `0`, `-0`, `-0.0`, `1.50`, `1E+2`, `1e-400`, `123456789012345678901234567890.5`, `9007199254740993`, `""`, `"\u00e9\/\ud800\n"`,
		`"é😀\u2028"`, `{"b":1,"a":2,"b":{"b":1,"b":2}}`, "[ 1 ,\t{ } , [] ]", `{"<&>":"\u003c<"}`, `{"$seq":1,"$ts":"x","":null}`, "{\"a\" :\r\n1}",
	}
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		var records []string
		for _, d := range datas {
			records = append(records, fmt.Sprintf(`{"data":%s,"meta":{"m" : %s,"m":1},"x":%s}`, d, d, d))
		}
		s.walk(step{"POST /v0/topics/t", `{"records":[` + strings.Join(records, ",") + `]}`, 201, ``})
		for i, d := range datas {
			got := s.send(fmt.Sprintf("POST /v0/topics/t/diff?x=%d", i), fmt.Sprintf(`{"from_seq":%d,"limit":1}`, i))
			if want := fmt.Sprintf(`[{"$seq":%d,"$ts":1700000000000,"data":%s,"meta":{"m" : %s,"m":1}}]`, i+1, d, d); got.raw("records") != want {
				t.Errorf("%s came back in %s", d, got.body)
			}
		}
		// $node, $tag and meta are left out when absent; data never is.
		s.walk(step{"POST /v0/topics/u", `{"node":"def","records":[{"tag":"t","node":"n","meta":{}},{},{"node":"","tag":"","meta":null,"data":null},{"node":null}]}`, 201, ``})
		got := s.send("POST /v0/topics/u/diff", `{"include_tags":true}`).raw("records")
		if want := `[{"$seq":1,"$ts":1700000000000,"$node":"n","$tag":"t","data":null,"meta":{}},{"$seq":2,"$ts":1700000000000,"$node":"def","data":null},` +
			`{"$seq":3,"$ts":1700000000000,"data":null},{"$seq":4,"$ts":1700000000000,"$node":"def","data":null}]`; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}
