package e2e

import (
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// A dry run of a command that deletes prints what would go, and nothing goes.
func TestDryRuns(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	c := server.client()
	server.run("", "put", "orders", "1", "--tag", "a")
	server.run("", "put", "orders", "23")
	server.run("", "route", "add", "orders", "mails")
	queueOf(t, c, client.Config{}, 3)
	if _, err := c.Claim(t.Context(), "work", client.Claim{Node: "w", Max: 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Nack(t.Context(), "work", client.Holding{Node: "w", Seqs: []uint64{1, 2}}, client.Return{Dead: true}); err != nil {
		t.Fatal(err)
	}
	states := func() (all []client.State) {
		for _, name := range []string{"orders", "work", "dead"} {
			state, err := c.State(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, state)
		}
		return all
	}
	before := states()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"delete", "orders", "--tag", "a", "--dry-run"}, "orders: records that would go: 1, bytes: 1\n"},
		{[]string{"delete", "orders", "--before", "9", "--dry-run", "--json"}, `{"count":2,"bytes":3,"head_seq":2}` + "\n"},
		{[]string{"rm", "orders", "work", "--dry-run"}, "orders: would be deleted; records: 2; routers: orders>mails\nwork: would be deleted; records: 1\n"},
		{[]string{"dead", "work", "--purge", "all", "--dry-run"}, `{"left":2,"skipped":{},"would be purged":2}` + "\n"},
		{[]string{"dead", "work", "--replay", "1", "--dry-run"}, `{"left":2,"skipped":{},"would be replayed":1}` + "\n"},
	} {
		if got := server.run("", tc.args...); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.args, got, tc.want)
		}
	}
	for i, state := range states() {
		if state.HeadSeq != before[i].HeadSeq || state.Count != before[i].Count {
			t.Errorf("dry runs made %+v of %+v", state, before[i])
		}
	}
	if got, want := server.run("", "delete", "orders", "--tag", "a"), "orders: records deleted: 1, left: 1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
