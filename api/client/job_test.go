package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The attributes of jobs are sent as the API names them, and left out if they
// are not set.
func TestJobAttributes(t *testing.T) {
	c, s := scripted(t, 0, answer{status: 200, body: `{"first_seq":0,"last_seq":0,"seqs":[7,7,7],"deduped_seqs":[7,7],"head_seq":7,"count":0}`})
	w, err := c.Append(t.Context(), "q", &Write{Entries: []Entry{
		{Data: []byte(`1`), Job: JobAttributes{Delay: 1500 * time.Millisecond, Group: "g\"", UniqueKey: "k", Priority: -3}},
		{Data: []byte(`2`), Job: JobAttributes{NotBefore: time.UnixMilli(1700000000123)}},
		{Data: []byte(`3`)},
	}})
	if err != nil || !slices.Equal(w.Seqs, []uint64{7, 7, 7}) || !slices.Equal(w.DedupedSeqs, []uint64{7, 7}) || w.FirstSeq != 0 {
		t.Errorf("%+v, %v", w, err)
	}
	const want = `{"records":[{"data":1,"delay_ms":1500,"group":"g\"","unique_key":"k","priority":-3},{"data":2,"not_before":1700000000123},{"data":3}]}`
	if s.bodies[0] != want {
		t.Errorf("sent %s", s.bodies[0])
	}
}

func TestClaim(t *testing.T) {
	const job = `{"$seq":3,"lease_id":"lease_a1","deadline":1700000000000,"deliveries":2,"$ts":5,"$tag":"t","$group":"g","$unique_key":"kéy","$priority":-7,"data":{"a": 1.50},"meta":{"m":1}}`
	c, s := scripted(t, time.Second, answer{drop: true}, answer{status: 200, body: `{"topic":"q","claimed":[` + job + `],"count":1,"ready":4,"performance":{}}`})
	got, err := c.Claim(t.Context(), "q", Claim{Node: "w", Max: 3, Lease: 2 * time.Second, Wait: time.Second})
	if err != nil || len(got.Jobs) != 1 || got.Ready != 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	j := &got.Jobs[0]
	if j.Seq != 3 || j.Lease != "lease_a1" || j.Deadline != 1700000000000 || j.Deliveries != 2 || *j.Tag != "t" || j.Group != "g" || j.UniqueKey != "kéy" ||
		j.Priority != -7 || string(j.Data) != `{"a": 1.50}` || string(j.Meta) != `{"m":1}` || string(j.Raw) != job {
		t.Errorf("%+v", j)
	}
	if s.requests[1].URL.Path != "/v0/topics/q/claim" || s.bodies[1] != `{"node":"w","max":3,"lease_ms":2000,"wait_ms":1000}` {
		t.Errorf("sent %s %s", s.requests[1].URL, s.bodies[1])
	}
	var again Job
	if err := json.Unmarshal([]byte(job), &again); err != nil || again.Lease != j.Lease || again.Seq != 3 {
		t.Errorf("%+v, %v", again, err)
	}
	for _, foreign := range []string{`{}`, `{"claimed":[{"$seq":1}]}`, `{"claimed":[{"lease_id":"l"}]}`, `{"claimed":[]} x`} {
		c, _ := scripted(t, 0, answer{status: 200, body: foreign})
		if got, err := c.Claim(t.Context(), "q", Claim{Node: "w"}); err == nil {
			t.Errorf("%s is a claim: %+v", foreign, got)
		}
	}
}

// Calls on jobs name what they are about, and give the reason for each job that
// was skipped. With leases they are retried, without only if nothing was done.
func TestCallsOnJobs(t *testing.T) {
	held := Hold("w", &Job{Record: Record{Seq: 1}, Lease: "a"}, &Job{Record: Record{Seq: 18446744073709551615}, Lease: "b"})
	minute := time.Minute
	tag := "t"
	for _, tt := range []struct {
		verb, body string
		call       func(*Client) (*Settled, error)
	}{
		{"ack", `{"node":"w","seqs":[1,18446744073709551615],"lease_ids":["a","b"]}`,
			func(c *Client) (*Settled, error) { return c.Ack(t.Context(), "q", held) }},
		{"ack", `{"node":"w","seqs":[1,18446744073709551615],"lease_ids":["a","b"],"then":[{"topic":"next","records":[{"data":{"a": 1.50},"tag":"t"}],"idempotency_key":"k"},{"topic":"log","records":[{"data":null}]}]}`,
			func(c *Client) (*Settled, error) {
				return c.Ack(t.Context(), "q", held,
					Then{"next", &Write{Entries: []Entry{{Data: []byte(`{"a": 1.50}`), Tag: &tag}}, IdempotencyKey: "k"}}, Then{"log", &Write{Entries: []Entry{{}}}})
			}},
		{"nack", `{"node":"w","seqs":[1,18446744073709551615],"lease_ids":["a","b"]}`,
			func(c *Client) (*Settled, error) { return c.Nack(t.Context(), "q", held, Return{}) }},
		{"nack", `{"node":"w","seqs":[1,18446744073709551615],"lease_ids":["a","b"],"delay_ms":60000,"dead":true,"reason":"r","unstarted":true,"leaving":true}`,
			func(c *Client) (*Settled, error) {
				return c.Nack(t.Context(), "q", held, Return{Delay: &minute, Dead: true, Reason: "r", Unstarted: true, Leaving: true})
			}},
		{"nack", `{"node":"w","seqs":[],"leaving":true}`,
			func(c *Client) (*Settled, error) { return c.Nack(t.Context(), "q", Hold("w"), Return{Leaving: true}) }},
		{"extend", `{"node":"w","seqs":[1,18446744073709551615],"lease_ids":["a","b"],"lease_ms":60000}`,
			func(c *Client) (*Settled, error) { return c.Extend(t.Context(), "q", held, minute) }},
		{"promote", `{"seqs":[4,5]}`,
			func(c *Client) (*Settled, error) { return c.Promote(t.Context(), "q", 4, 5) }},
	} {
		done := tt.verb + "ed"
		if tt.verb == "promote" {
			done = "promoted"
		}
		c, s := scripted(t, time.Second, answer{drop: true}, answer{status: 200, body: fmt.Sprintf(
			`{"topic":"q",%q:1,"skipped":[18446744073709551615],"reasons":{"18446744073709551615":"held"},"ready":2,"in_flight":3,"deadlines":{"1":77},"then":[{"topic":"next","first_seq":9,"last_seq":9}]}`, done)})
		got, err := tt.call(c)
		if err != nil {
			t.Fatalf("%s: %v", tt.verb, err)
		}
		if got.Done != 1 || got.Skipped[0] != 18446744073709551615 || got.Reasons[18446744073709551615] != SkippedHeld ||
			got.Ready != 2 || got.InFlight != 3 || got.Deadlines[1] != 77 || got.Written[0].FirstSeq != 9 {
			t.Errorf("%s: %+v", tt.verb, got)
		}
		if s.requests[1].URL.Path != "/v0/topics/q/"+tt.verb || s.bodies[1] != tt.body {
			t.Errorf("sent %s %s, want %s", s.requests[1].URL, s.bodies[1], tt.body)
		}
	}
	for _, a := range []answer{{drop: true}, {status: 200, body: `{}`}, {status: 200, body: `{"acked":1,"reasons":{"x":"gone"}}`}} {
		c, s := scripted(t, time.Minute, a)
		if got, err := c.Ack(t.Context(), "q", Holding{Node: "w", Seqs: []uint64{1}}); err == nil || len(s.requests) != 1 {
			t.Errorf("%+v after %d requests", got, len(s.requests))
		}
	}
}

func TestLists(t *testing.T) {
	c, s := scripted(t, 0,
		answer{status: 200, body: `{"jobs":[{"$seq":1,"state":"delayed","deliveries":1,"due":5,"$group":"g"}],"next_cursor":"abc"}`},
		answer{status: 200, body: `{"jobs":[{"$seq":2,"state":"delayed"}]}`},
		answer{status: 200, body: `{"jobs":[{"$seq":3,"state":"in_flight","node":"w","lease_id":"l","deadline":9}]}`},
		answer{status: 200, body: `{"released":1,"skipped":[],"reasons":{}}`})
	var seqs []string
	for j, err := range c.Jobs(t.Context(), "q", JobDelayed) {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, fmt.Sprint(j.Seq, j.Due, j.Group))
	}
	for j, err := range c.InFlight(t.Context(), "q") {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, fmt.Sprint(j.Seq, j.Node, j.Lease, j.Deadline))
	}
	if got := strings.Join(seqs, ", "); got != "1 5g, 2 0, 3wl9" {
		t.Errorf("got %s", got)
	}
	if done, err := c.Release(t.Context(), "q", 3); err != nil || done.Done != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	asked := ""
	for _, r := range s.requests {
		asked += r.URL.RequestURI() + r.Header.Get("X-Confirm") + "\n"
	}
	const want = "/v0/topics/q/jobs?limit=1000&state=delayed\n/v0/topics/q/jobs?cursor=abc&limit=1000&state=delayed\n/v0/topics/q/inflight?limit=1000\n/v0/topics/q/releasetrue\n"
	if asked != want || s.bodies[3] != `{"seqs":[3]}` {
		t.Errorf("asked for %s, %s", asked, s.bodies[3])
	}
}
