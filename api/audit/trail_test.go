package audit

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// An entry keeps its target, and not the request that it was a part of.
func TestAuditKeepsNoRequest(t *testing.T) {
	bounds := new(call.Bounds)
	bounds.Set(t.Context(), &call.Options{Limits: new(wire.Limits), Keys: new(auth.Keys)})
	trail := New(zerolog.Nop(), time.Now, bounds)
	path := "/v0/topics/t?" + strings.Repeat("x", 1000)
	c := &call.Call{Request: httptest.NewRequest("DELETE", path, nil), Key: auth.Anonymous(), Route: &call.Route{Method: "DELETE"}}
	trail.Note(c, path[11:12], "", time.Now())
	got := trail.last(1, true, func(*Entry) bool { return true })
	if len(got) != 1 || got[0].Target != "t" {
		t.Fatalf("%+v", got)
	}
	if unsafe.StringData(got[0].Target) == unsafe.StringData(path[11:]) {
		t.Error("the target is a part of the path")
	}
}
