package api

import (
	"regexp"
	"strings"
	"testing"
)

var answerCost = regexp.MustCompile(`,"performance":\{[^}]*\}`)

// withoutCost returns the body of an answer without the part that is never twice the
// same.
func (a *answer) withoutCost() string { return answerCost.ReplaceAllString(string(a.body), "") }

// Section 7 of ops.md: a delete with dry_run answers count and head, and deletes
// nothing.
func TestContractDryRun(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(
			step{"POST /v0/topics/t", `{"records":[{"tag":"a1","data":1},{"tag":"a2","data":12},{"tag":"b","data":123},{"data":1234}]}`, 201, ``},
			step{"PUT /v0/routers/r", `{"source":"t","dest":"u"}`, 201, ``},
		)
		before, list := s.send("GET /v0/topics/t?touch=false", "").withoutCost(), s.send("GET /v0/topics", "").withoutCost()
		for _, tc := range []struct{ what, preview, done string }{
			{`"match":"a1"`, `{"count":1,"bytes":1,"head_seq":4}`, `{"deleted":1}`},
			{`"match":"none"`, `{"count":0,"bytes":0,"head_seq":4}`, `{"deleted":0}`},
			{`"match":"a*"`, `{"count":2,"bytes":3,"head_seq":4}`, `{"deleted":1}`}, // a1 is gone by then
			{`"before_seq":4`, `{"count":3,"bytes":6,"head_seq":4}`, `{"deleted":1}`},
			{`"before_seq":18446744073709551615,"match":null`, `{"count":4,"bytes":10,"head_seq":4}`, `{"deleted":1}`},
		} {
			topic := strings.Replace(tc.preview, "{", `{"topic":"t","dry_run":true,"deleted":"(absent)",`, 1)
			s.walk(
				step{"POST /v0/topics/t/delete", `{` + tc.what + `,"dry_run":true}`, 200, topic},
				step{"POST /v0/topics/t/delete?dry_run=true", `{` + tc.what + `}`, 200, topic},
				step{"POST /v0/topics/t/delete?dry_run=1", `{` + tc.what + `,"dry_run":false}`, 200, topic},
				step{"POST /v0/topics/t/delete?strict=true", `{` + tc.what + `,"dry_run":true}`, 200, topic},
			)
		}
		gone := `{"topic":"t","dry_run":true,"count":4,"bytes":10,"head_seq":4,"routers_removed":["r"],"deleted":"(absent)"}`
		s.walk(
			step{"DELETE /v0/topics/t?dry_run=true", ``, 200, gone}, step{"DELETE /v0/topics/t?dry_run=1&strict=1", ``, 200, gone},
			step{"DELETE /v0/topics/t?dry_run=true&if_empty=true", ``, 409, refusal("topic_not_empty")},
			step{"DELETE /v0/topics/none?dry_run=true", ``, 200, `{"topic":"none","dry_run":true,"count":0,"bytes":0,"head_seq":0,"routers_removed":"(absent)"}`},
			step{"DELETE /v0/routers/r?dry_run=true", ``, 200, `{"router":"r","dry_run":true,"count":1}`},
			step{"DELETE /v0/routers/none?dry_run=true", ``, 200, `{"router":"none","dry_run":true,"count":0}`},
			step{"POST /v0/topics/t/delete?dry_run=true", ``, 400, refusal("invalid_request")}, step{"POST /v0/topics/t/delete?dry_run=yes", `{"match":"a1"}`, 400, badField("dry_run")},
			step{"POST /v0/topics/t/delete", `{"match":"a1","dry_run":1}`, 400, badField("dry_run")}, step{"DELETE /v0/topics/t?dry_run=yes", ``, 400, badField("dry_run")},
			step{"DELETE /v0/routers/r?dry_run=", ``, 400, badField("dry_run")}, step{"POST /v0/topics/none/delete?dry_run=true", `{"match":"a"}`, 404, refusal("topic_not_found")},
		)
		if after := s.send("GET /v0/topics/t?touch=false", "").withoutCost(); after != before {
			t.Errorf("dry runs made %s of %s", after, before)
		}
		if after := s.send("GET /v0/topics", "").withoutCost(); after != list {
			t.Errorf("dry runs made %s of %s", after, list)
		}
		s.walk(
			step{"POST /v0/topics/t/delete", `{"match":"a1","dry_run":null}`, 200, `{"deleted":1,"dry_run":"(absent)"}`},
			step{"POST /v0/topics/t/delete?dry_run=false", `{"match":"a*","dry_run":false}`, 200, `{"deleted":1}`},
			step{"DELETE /v0/routers/r?dry_run=0", ``, 200, `{"deleted":true}`}, step{"DELETE /v0/topics/t?dry_run=false", ``, 200, `{"deleted":true}`},
		)
	})
}

// Section 7 of ops.md, of dead letters: which would go, and that they stay.
func TestContractDryRunOfDeadLetters(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		confirm := []string{"X-Confirm", "true"}
		s.queue("q", `"dead_letter":"dead"`)
		s.queue("empty", ``)
		for _, tag := range []string{"a", "b", "a", "b"} {
			s.walk(step{"POST /v0/topics/q", `{"records":[{"data":1,"tag":"` + tag + `"}]}`, 200, ``})
		}
		s.claims("q", `{"node":"w","max":9}`, 1, 2, 3, 4)
		s.walk(step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1,2,3,4],"dead":true}`, 200, `{"nacked":4}`})
		before := s.send("GET /v0/topics/dead?touch=false", "").withoutCost()
		dead := "DELETE /v0/topics/q/dead-letters"
		for _, tc := range []struct {
			ask, body string
			status    int
			want      string
		}{
			{dead + "?dry_run=true", ``, 200, `{"dry_run":true,"count":4,"left":4,"head_seq":4}`},
			{dead + "?dry_run=1&limit=3", ``, 200, `{"dry_run":true,"count":3,"left":4,"head_seq":4}`},
			{dead + "?dry_run=true&match=a&before_seq=3", ``, 200, `{"count":1}`}, {dead + "?dry_run=true&reason=other", ``, 200, `{"count":0}`},
			{dead + "/2?dry_run=true", ``, 200, `{"dry_run":true,"count":1,"left":4,"head_seq":4}`},
			{dead + "/77?dry_run=true", ``, 404, refusal("not_found")}, {dead + "/2?dry_run=no", ``, 400, badField("dry_run")}, {dead + "?dry_run=no", ``, 400, badField("dry_run")},
			{"DELETE /v0/topics/empty/dead-letters?dry_run=true", ``, 200, `{"dry_run":true,"count":0,"left":0,"head_seq":0}`},
			{"POST /v0/topics/q/redrive", `{"dry_run":true}`, 200, `{"dry_run":true,"count":4,"left":4,"head_seq":4}`},
			{"POST /v0/topics/q/redrive?dry_run=true", `{"seqs":[2,77],"rate":1}`, 200, `{"dry_run":true,"count":1,"skipped":[77],"reasons":{"77":"not_found"},"left":4}`},
			{"POST /v0/topics/q/redrive", `{"match":"b","limit":1,"dry_run":true}`, 200, `{"count":1}`}, {"POST /v0/topics/q/redrive", `{"dry_run":2}`, 400, badField("dry_run")},
		} {
			if a := s.send(tc.ask, tc.body, confirm...); a.status != tc.status || a.differs(tc.want) != "" {
				t.Errorf("%s %s: %d %s, want %s", tc.ask, tc.body, a.status, a.body, tc.want)
			}
		}
		if after := s.send("GET /v0/topics/dead?touch=false", "").withoutCost(); after != before {
			t.Errorf("dry runs made %s of %s", after, before)
		}
		s.counts("q", 0, 0, 0, 0)
		if a := s.send(dead, "", confirm...); a.status != 200 || a.differs(`{"count":4,"left":0,"dry_run":"(absent)","head_seq":"(absent)"}`) != "" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// A dry run of what has none is refused: elsewhere an unknown name is only a warning,
// and the call is carried out.
func TestContractNoDryRun(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		confirm := []string{"X-Confirm", "true"}
		s.walk(step{"PUT /v0/topics/t", ``, 201, ``})
		for _, tc := range []struct{ ask, body string }{
			{"PUT /v0/topics/new", `{}`}, {"PATCH /v0/topics/t", `{"ttl_ms":1}`}, {"POST /v0/topics/t", `{"records":[{"data":1}]}`}, {"PUT /v0/routers/r", `{"source":"t","dest":"u"}`},
			{"POST /v0/topics/t/claim", `{"node":"w"}`}, {"POST /v0/admin/checkpoint", ``}, {"POST /v0/topics/t/dead-letters/1/replay", ``}, {"PUT /v0/admin/checks/b", `{}`},
		} {
			if a := s.send(tc.ask+"?dry_run=true", tc.body, confirm...); a.status != 400 || a.differs(badField("dry_run")) != "" {
				t.Errorf("%s: %d %s", tc.ask, a.status, a.body)
			}
		}
		warned := `{"warnings":["query: unknown parameter \"dry_run\""]}`
		s.walk(
			step{"GET /v0/topics", ``, 200, `{"total":1}`}, step{"GET /v0/topics/t", ``, 200, `{"head_seq":0,"config":{"ttl_ms":0}}`}, step{"GET /v0/routers", ``, 200, `{"routers":[]}`},
			step{"PATCH /v0/topics/t?dry_run=false", `{"ttl_ms":1}`, 200, warned}, step{"POST /v0/topics/t/diff?dry_run=true", `{}`, 200, warned},
		)
	})
}
