package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// fake is a server with one topic. It implements as much of the API as a load
// needs, and can be made to fail.
type fake struct {
	mu      sync.Mutex
	created bool
	records []map[string]json.RawMessage
	writes  int
	keys    map[string]int // head before the write
	// fault, if not nil, is called for write n, counting from 1. It returns true
	// if it has answered the request.
	fault func(f *fake, n int, w http.ResponseWriter, apply func()) bool
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.Method == http.MethodGet && !f.created:
		refuse(w, 404, "topic_not_found", 0)
	case r.Method == http.MethodGet:
		fmt.Fprintf(w, `{"head_seq":%d,"config":{"durability":"fsync"}}`, len(f.records))
	case strings.HasSuffix(r.URL.Path, "/diff"):
		f.diff(w, r)
	default:
		f.append(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, code string, head int) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":"no","detail":{"head_seq":%d}}}`, code, head)
}

func (f *fake) diff(w http.ResponseWriter, r *http.Request) {
	var q struct {
		From int `json:"from_seq"`
	}
	_ = json.NewDecoder(r.Body).Decode(&q) // sent by the client of this repository
	rec := f.records[q.From]
	out := fmt.Sprintf(`{"$seq":%d,"data":%s`, q.From+1, rec["data"])
	for from, to := range map[string]string{"tag": "$tag", "node": "$node", "meta": "meta"} {
		if v, ok := rec[from]; ok {
			out += fmt.Sprintf(`,%q:%s`, to, v)
		}
	}
	fmt.Fprintf(w, `{"records":[%s}],"earliest_seq":1}`, out)
}

func (f *fake) append(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Records []map[string]json.RawMessage
		Key     string `json:"idempotency_key"`
		Head    int    `json:"expected_head_seq"`
		Create  bool
		Config  struct{ Durability string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, 400, "invalid_request", 0)
		return
	}
	f.writes++
	apply := func() {
		f.keys[body.Key] = body.Head
		f.records = append(f.records, body.Records...)
		f.created = true
	}
	if f.fault != nil && f.fault(f, f.writes, w, apply) {
		return
	}
	before, deduped := f.keys[body.Key]
	switch {
	case deduped:
	case !f.created && !body.Create:
		refuse(w, 404, "topic_not_found", 0)
		return
	case body.Head != len(f.records):
		refuse(w, 409, "seq_mismatch", len(f.records))
		return
	default:
		before = len(f.records)
		apply()
	}
	fmt.Fprintf(w, `{"first_seq":%d,"last_seq":%d,"count":%d,"deduped":%t}`, before+1, before+len(body.Records), len(body.Records), deduped)
}
