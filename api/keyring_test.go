package api

import (
	"net/http"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
)

// Replacing the keys ends what belongs to those that are gone or have other
// rights, and leaves the rest as it is.
func TestReplaceKeys(t *testing.T) {
	parse := func(list string) *auth.Keys {
		keys, err := auth.Parse(list)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	s := serveReal(t, func(o *Options) { o.Keys = parse("stays:rw,goes:rw,shrinks:rw") }, nil)
	bearer := func(secret string) []string { return []string{"Authorization", "Bearer " + secret} }
	if w := do(s, "POST", "/v0/topics/a", `{"records":[{}]}`, bearer("stays")...); w.Code != 201 {
		t.Fatal(w.Body)
	}
	streams := map[string]*sseClient{}
	urls := map[string]string{}
	for _, key := range []string{"stays", "goes", "shrinks"} {
		urls[key] = s.newWatch(t, `{"topics":{"a":{"tail":true}}}`, bearer(key)...)
		streams[key] = openStream(t, http.DefaultClient, urls[key], 200, bearer(key)...).opening()
		streams[key].want("caught-up", "")
	}
	idle := s.newWatch(t, `{"topics":{"a":{}}}`, bearer("goes")...)

	s.ReplaceKeys(parse("new:rw,shrinks:r,stays:rw"))
	for _, key := range []string{"goes", "shrinks"} {
		streams[key].want("error", `"error":"unauthorized"`)
	}
	for key, status := range map[string]int{"stays": 200, "new": 200, "shrinks": 200, "goes": 401} {
		if w := do(s, "GET", "/v0/topics/a", "", bearer(key)...); w.Code != status {
			t.Errorf("%s reads: %d %s", key, w.Code, w.Body)
		}
	}
	wantCode(t, do(s, "POST", "/v0/topics/a", `{"records":[{}]}`, bearer("shrinks")...), 403, "forbidden")
	openStream(t, http.DefaultClient, urls["shrinks"], 404, bearer("shrinks")...).hangUp()
	openStream(t, http.DefaultClient, idle, 401, bearer("goes")...).hangUp()
	if w := do(s, "POST", "/v0/topics/a", `{"records":[{"data":2}]}`, bearer("new")...); w.Code != 200 {
		t.Errorf("a new key writes: %d %s", w.Code, w.Body)
	}
	streams["stays"].want("record", `"data":2`)
	streams["stays"].hangUp()
	if n := s.bounds.Keys().Len(); n != 3 {
		t.Errorf("%d keys", n)
	}
}
