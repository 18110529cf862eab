package catalog

import (
	"encoding/json"
	"testing"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/router"
)

// FuzzRouterRequest decodes bodies of a router's PUT. One that is accepted
// means the same when the answer that echoes it is sent back.
func FuzzRouterRequest(f *testing.F) {
	for _, body := range []string{
		`{"source":"a","dest":"b"}`, `{"source":"a","dest":"b","filter":"x*","guarantee":"exactly_once"}`,
		`{"source":"a","dest":"b","filter":["tag","Eq","x*"],"preserve_node":false,"preserve_tag":false}`,
		`{"source":"a","dest":"b","filter":null,"create_dest":false,"allow_cycle":true,"x":{"y":[]}}`,
		`{"source":"a","dest":"b","filter":["tag","Glob"]}`, `{"source":"\ud800","dest":1}`, `{"filter":"**"}`, `[]`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		spec, err := request.DecodeRouter(body, nil)
		if err != nil {
			if e := wire.ErrorOf(err); e.Status != 400 {
				t.Fatalf("%q: %v", body, e)
			}
			return
		}
		echo, err := json.Marshal(viewRouter("r", &spec))
		if err != nil {
			t.Fatal(err)
		}
		again, err := request.DecodeRouter(echo, nil)
		if err != nil || !again.Equal(&spec) {
			t.Fatalf("%q is %+v, its echo %s is %+v, %v", body, spec, echo, again, err)
		}
	})
}

// FuzzListCursor reads cursors. One that is accepted is the one that the
// listing gives for the name in it, and belongs to no other listing.
func FuzzListCursor(f *testing.F) {
	f.Add("", "")
	f.Add("p", wire.FormatCursor("p", "page"))
	f.Add("p", wire.FormatCursor("q", "page"))
	f.Add("p", "AV7Fro9wY\r\r\r\r\rWdl")
	q := routerQuery{source: "a", dest: "b"}
	f.Add(q.listing(), wire.FormatCursor(q.listing(), "a>b"))
	f.Fuzz(func(t *testing.T, listing, cursor string) {
		after, err := wire.ParseCursor(listing, cursor)
		if err != nil {
			if e := wire.ErrorOf(err); e.Code != "invalid_request" {
				t.Fatal(e)
			}
		} else {
			if router.CheckName(after) != nil || wire.FormatCursor(listing, after) != cursor {
				t.Fatalf("%q of %q is %q", cursor, listing, after)
			}
			if _, err := wire.ParseCursor(listing+"x", cursor); err == nil {
				t.Fatalf("%q belongs to two listings", cursor)
			}
		}
		if router.CheckName(cursor) == nil { // any name will do
			if after, err := wire.ParseCursor(listing, wire.FormatCursor(listing, cursor)); err != nil || after != cursor {
				t.Fatalf("%q comes back as %q, %v", cursor, after, err)
			}
		}
	})
}
