package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// TestRoutersAreExactlyOnce writes to a topic whose records are forwarded in
// two steps and through a filter, and kills the server three times meanwhile.
// Every record arrives once and in order, and what a destination had before a
// kill it has after it, at the same seqs.
func TestRoutersAreExactlyOnce(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir()).ready()
	c := server.retrying()
	for name, ends := range map[string]map[string]any{
		"a>b": {"source": "a", "dest": "b", "guarantee": "exactly_once"},
		"a>c": {"source": "a", "dest": "c", "filter": []string{"tag", "Glob", "even-*"}, "guarantee": "exactly_once"},
		"b>d": {"source": "b", "dest": "d"},
	} {
		var made struct {
			Created bool   `json:"created"`
			Source  string `json:"source"`
		}
		if err := call(context.Background(), http.DefaultClient, http.MethodPut, server.url()+"/v0/routers/"+name, ends, &made); err != nil || !made.Created {
			t.Fatalf("router %s: %+v, %v", name, made, err)
		}
	}

	const records = 1500
	var all, even []string
	for i := range records {
		all = append(all, fmt.Sprintf(`{ "n": %d.0 }`, i))
		if i%2 == 0 {
			even = append(even, all[i])
		}
	}
	done := make(chan error, 1)
	go func() {
		for i, data := range all {
			tag := [...]string{"even-x", "odd-x"}[i%2]
			_, err := c.Append(context.Background(), "a", &client.Write{
				Entries:        []client.Entry{{Data: []byte(data), Tag: &tag}},
				IdempotencyKey: fmt.Sprint(i),
			})
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()

	want := map[string][]string{"a": all, "b": all, "c": even, "d": all}
	seen := map[string]int{}
	for life := 1; life <= 3; life++ {
		server.until("the last destination moves on", func() bool {
			s, err := c.State(context.Background(), "d")
			return err == nil && s.HeadSeq >= uint64(life*records/4)
		})
		for name := range want {
			seen[name] = len(readAll(t, c, name))
		}
		server.kill()
		server = server.again().ready()
		for name, all := range want {
			holds(t, name, readAll(t, c, name), all, seen[name])
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for name, all := range want {
		n := len(all)
		server.until(name+" has all", func() bool {
			s, err := c.State(context.Background(), name)
			return err == nil && s.HeadSeq >= uint64(n)
		})
	}
	// A clean shutdown, and the checkpoint that it takes, change nothing.
	for range 2 {
		for name, all := range want {
			holds(t, name, readAll(t, c, name), all, len(all))
		}
		server.stop()
		server = server.again().ready()
	}
	for name, total := range map[string]uint64{"a>b": records, "a>c": records / 2, "b>d": records} {
		var state struct {
			Forwarded uint64 `json:"forwarded_total"`
			Lag       uint64 `json:"lag"`
		}
		get(t, server.url()+"/v0/routers/"+name, http.StatusOK, &state)
		if state.Forwarded != total || state.Lag != 0 {
			t.Errorf("router %s: %+v, want %d forwarded", name, state, total)
		}
	}
}

// readAll returns the data of all records of a topic, whose seqs must start at
// 1. The topic may not exist yet.
func readAll(t *testing.T, c *client.Client, name string) []string {
	t.Helper()
	var all []string
	q := client.Query{Limit: 1000, IncludeTags: true}
	for {
		b, err := c.Diff(context.Background(), name, q)
		if err != nil {
			t.Fatal(err)
		}
		if b.Tombstone != nil {
			t.Fatalf("%s: %+v", name, b.Tombstone)
		}
		for _, r := range b.Records {
			if r.Seq != uint64(len(all)+1) {
				t.Fatalf("%s: seq %d after %d records", name, r.Seq, len(all))
			}
			if name == "c" && (r.Tag == nil || !strings.HasPrefix(*r.Tag, "even-")) {
				t.Fatalf("the filter let seq %d through", r.Seq)
			}
			all = append(all, string(r.Data))
		}
		if q.From = b.NextFrom; b.CaughtUp {
			return all
		}
	}
}

// holds compares a topic with the beginning of its expected content, of which
// there must be at least least records.
func holds(t *testing.T, name string, got, want []string, least int) {
	t.Helper()
	if len(got) < least || len(got) > len(want) {
		t.Errorf("%s has %d records, want %d to %d", name, len(got), least, len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: seq %d is %s, want %s", name, i+1, got[i], want[i])
		}
	}
}
