package topics

import (
	"context"
	"strings"
	"testing"
	"unsafe"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// The names of topics and routers come from request lines, which may be long.
// What is made does not keep those.
func TestNamesKeepNoRequest(t *testing.T) {
	w := newWorld(t)
	line := "abc" + strings.Repeat("x", 1000)
	name := func(i int) string { return line[i : i+1] }
	if _, err := w.Put(context.Background(), name(0), &record.ConfigPatch{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(context.Background(), name(1), &topic.Write{Records: records(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.routing.PutRouter(context.Background(), name(2), specOf("a", "b")); err != nil {
		t.Fatal(err)
	}
	kept := []string{w.catalog.Lookup("a").Name, w.catalog.Lookup("b").Name}
	rt, _ := w.routers.ByName.Get("c")
	for i, n := range append(kept, rt.Name) {
		if n != name(i) || unsafe.StringData(n) == unsafe.StringData(name(i)) {
			t.Errorf("the name %q is a part of the request's line", n)
		}
	}
}
