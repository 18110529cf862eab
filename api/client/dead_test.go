package client

import (
	"fmt"
	"testing"
	"time"
)

func TestDeadLetters(t *testing.T) {
	c, s := scripted(t, time.Second,
		answer{status: 200, body: `{"dead_letters":[{"$seq":2,"source_seq":9,"deliveries":3,"reason":"no \"way\"","$ts":1,"$group":"g","data":{"a": 1.0}}],"next_cursor":"c"}`},
		answer{status: 200, body: `{"dead_letters":[]}`},
		answer{drop: true},
		answer{status: 200, body: `{"count":3,"skipped":[7],"reasons":{"7":"unique_key_live"},"left":1}`},
		answer{status: 200, body: `{"count":1,"skipped":[],"reasons":{},"left":0}`},
		answer{status: 200, body: `{"count":1,"skipped":[],"reasons":{},"left":0}`},
		answer{drop: true})
	f := DeadFilter{Match: []string{"tag", "Glob", "a*"}, Reason: "rejected", Before: 5}
	for d, err := range c.DeadLetters(t.Context(), "q", f) {
		if err != nil || d.Seq != 2 || d.SourceSeq != 9 || d.Deliveries != 3 || d.Reason != `no "way"` || d.Group != "g" || string(d.Data) != `{"a": 1.0}` {
			t.Errorf("%+v, %v", d, err)
		}
	}
	done, err := c.ReplayDead(t.Context(), "q", Redrive{Filter: f, Rate: 10})
	if err != nil || done.Count != 3 || done.Reasons[7] != CodeUniqueKeyLive || done.Left != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if done, err := c.PurgeDead(t.Context(), "q", DeadFilter{}, 4); err != nil || done.Count != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if err := c.DeleteDead(t.Context(), "q", 8); err != nil {
		t.Error(err)
	}
	// What a repeat would do to others is not repeated.
	if _, err := c.ReplayDead(t.Context(), "q", Redrive{Seqs: []uint64{1}, Limit: 1}); err == nil {
		t.Error("it was repeated")
	}
	if _, err := c.PurgeDead(t.Context(), "q", f, 0); err == nil {
		t.Error("it was repeated")
	}
	asked := ""
	for i, r := range s.requests {
		asked += fmt.Sprintln(r.Method, r.URL.RequestURI(), s.bodies[i], r.Header.Get("X-Confirm"))
	}
	const filter = `before_seq=5&%smatch=%%5B%%22tag%%22%%2C%%22Glob%%22%%2C%%22a%%2A%%22%%5D&reason=rejected`
	const replay = "POST /v0/topics/q/redrive {\"match\":[\"tag\",\"Glob\",\"a*\"],\"reason\":\"rejected\",\"before_seq\":5,\"rate\":10} true\n"
	want := fmt.Sprintf("GET /v0/topics/q/dead-letters?"+filter+"  \n", "limit=1000&") +
		fmt.Sprintf("GET /v0/topics/q/dead-letters?"+filter+"  \n", "cursor=c&limit=1000&") +
		replay + replay +
		"DELETE /v0/topics/q/dead-letters?limit=4  true\n" +
		"DELETE /v0/topics/q/dead-letters/8  true\n" +
		"POST /v0/topics/q/redrive {\"seqs\":[1],\"limit\":1} true\n" +
		fmt.Sprintf("DELETE /v0/topics/q/dead-letters?"+filter+"  true\n", "")
	if asked != want {
		t.Errorf("asked\n%swant\n%s", asked, want)
	}
}
