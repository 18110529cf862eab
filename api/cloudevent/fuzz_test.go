package cloudevent

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/e6e95bb8/topics/api/wire"
)

const seed = `{"specversion":"1.0","id":"1","source":"/s","type":"t","x":7,"time":"2026-01-31T12:30:00Z","datacontenttype":"text/plain","data_base64":"AQI="}`

// holds fails unless an event is what it says: JSON that encoding/json reads the
// same, within the limits, and an event again.
func holds(t *testing.T, events []Event) {
	t.Helper()
	for i := range events {
		e := &events[i]
		var got map[string]any
		if err := json.Unmarshal(e.JSON, &got); err != nil {
			t.Fatalf("%q: %v", e.JSON, err)
		}
		if !Is(e.JSON) || !utf8.Valid(e.JSON) || got["specversion"] != "1.0" || got["id"] != string(e.ID) || got["source"] != string(e.Source) || got["type"] != string(e.Type) {
			t.Fatalf("%q is %q %q %q", e.JSON, e.ID, e.Source, e.Type)
		}
		if key := e.Key(); len(key) > maxKey || !strings.HasPrefix(key, string(e.Source)+"\n") {
			t.Fatalf("key %q of %q", key, e.JSON)
		}
	}
}

func limits() *wire.Limits {
	l := wire.DefaultLimits()
	l.MaxBatchRecords = 5
	l.MaxRecordBytes = 4 << 10
	return &l
}

func FuzzStructured(f *testing.F) {
	for _, s := range []string{seed, "[" + seed + "," + seed + "]", `[{"data":{}}]`, `{"id":"\ud800"}`, `{"SOURCE":"a","source":"b"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) == 0 {
			return
		}
		one, err := DecodeOne(body, limits())
		if err == nil {
			holds(t, one)
		}
		many, err := DecodeBatch(body, limits())
		if err == nil && len(many) <= 5 {
			holds(t, many)
		}
	})
}

func FuzzBinary(f *testing.F) {
	f.Add("1", "/s", "t", "x", "y", "application/json", []byte("{}"))
	f.Add(`"a\"b"`, "%20", "%", "time", "2026-01-31T12:30:00Z", "text/plain", []byte("\xff"))
	f.Add("", "", "", "", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, id, source, typ, name, value, contentType string, body []byte) {
		h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {id}, "Ce-Source": {source}, "Ce-Type": {typ}, "Content-Type": {contentType}}
		h.Set("ce-"+name, value)
		events, err := DecodeBinary(h, body, limits())
		if err != nil {
			return
		}
		holds(t, events)
		if n := BinarySize(h, body); len(events[0].JSON) > n {
			t.Fatalf("%d bytes, announced as %d", len(events[0].JSON), n)
		}
	})
}

// Keys of different events differ, however long their ids are.
func TestKey(t *testing.T) {
	seen := map[string]bool{}
	long := strings.Repeat("x", 300)
	for _, e := range []Event{
		{Source: []byte("a"), ID: []byte("bc")}, {Source: []byte("ab"), ID: []byte("c")}, {Source: []byte("a"), ID: []byte(long)}, {Source: []byte("a"), ID: []byte(long + "x")},
	} {
		key := e.Key()
		if seen[key] || len(key) > maxKey {
			t.Errorf("key %q", key)
		}
		seen[key] = true
	}
}
