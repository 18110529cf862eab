package client

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Previews are strict, so that no server carries out what it does not know, and are
// repeated, because they change nothing.
func TestPreviews(t *testing.T) {
	before := uint64(7)
	preview := answer{status: 200, body: `{"topic":"t","dry_run":true,"count":5,"bytes":40,"head_seq":9,"routers_removed":["r"]}`}
	dead := answer{status: 200, body: `{"topic":"q","dry_run":true,"count":3,"skipped":[7],"reasons":{"7":"not_found"},"left":4,"head_seq":9}`}
	for _, tc := range []struct {
		answer answer
		ask    func(c *Client) (any, error)
		want   string
		asked  string
	}{
		{preview, func(c *Client) (any, error) {
			return c.PreviewDeletion(t.Context(), "t", Deletion{Before: &before, Match: []string{"tag", "Eq", "a"}})
		}, "{5 40 9 [r]}", `POST /v0/topics/t/delete?dry_run=true&strict=true {"before_seq":7,"match":["tag","Eq","a"]}`},
		{preview, func(c *Client) (any, error) { return c.PreviewDelete(t.Context(), "t", false) }, "{5 40 9 [r]}", "DELETE /v0/topics/t?dry_run=true&strict=true "},
		{preview, func(c *Client) (any, error) { return c.PreviewDelete(t.Context(), "t", true) }, "{5 40 9 [r]}", "DELETE /v0/topics/t?dry_run=true&if_empty=true&strict=true "},
		{dead, func(c *Client) (any, error) { return c.PreviewPurge(t.Context(), "q", DeadFilter{Reason: "x"}, 8) }, "{3 [7] map[7:not_found] 4 9}",
			"DELETE /v0/topics/q/dead-letters?dry_run=true&limit=8&reason=x&strict=true "},
		{dead, func(c *Client) (any, error) { return c.PreviewReplay(t.Context(), "q", Redrive{Limit: 8}) }, "{3 [7] map[7:not_found] 4 9}",
			`POST /v0/topics/q/redrive?dry_run=true&strict=true {"limit":8}`},
	} {
		c, s := scripted(t, time.Second, answer{drop: true}, tc.answer)
		got, err := tc.ask(c)
		if err != nil || fmt.Sprint(got) != tc.want {
			t.Errorf("%s: %v, %v, want %s", tc.asked, got, err, tc.want)
		}
		var asked []string
		for i, r := range s.requests {
			asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+s.bodies[i])
		}
		if !slices.Equal(asked, []string{tc.asked, tc.asked}) {
			t.Errorf("asked %q, want %q twice", asked, tc.asked)
		}
	}
}
