package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// TestEventsOverAKill appends events in batches while the server is killed, and
// sends each batch again: every event is there once, in order.
func TestEventsOverAKill(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir()).ready()
	c := server.retrying()
	for n := range 6 {
		var batch []json.RawMessage
		for i := range 50 {
			batch = append(batch, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/e2e","type":"t","data":%d}`, 50*n+i, i)))
		}
		for again := range 2 {
			w, err := c.AppendEvents(context.Background(), "events", batch)
			if err != nil {
				t.Fatal(err)
			}
			if w.Count != 50 || w.Deduped != (again == 1) || w.HeadSeq != uint64(50*(n+1)) {
				t.Errorf("batch %d, time %d: %+v", n, again, w)
			}
			if n%2 == 1 && again == 0 {
				server.kill()
				server = server.again().ready()
			}
		}
	}
	b, err := c.Diff(context.Background(), "events", client.Query{Limit: 1000})
	if err != nil || len(b.Records) != 300 {
		t.Fatalf("%d records, %v", len(b.Records), err)
	}
	for i, r := range b.Records {
		var e struct{ ID string }
		if err := json.Unmarshal(r.Data, &e); err != nil || e.ID != fmt.Sprint(i) {
			t.Fatalf("record %d is %s", i, r.Data)
		}
	}
}
