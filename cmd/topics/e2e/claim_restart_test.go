package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// TestClaimOverARestart has a claim wait while its server goes down. A server that drains answers it, with no job. From
// one that is killed the client's claim comes again as soon as there is a server, and has what came due meanwhile: nothing
// else need happen.
func TestClaimOverARestart(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	if _, err := server.client().PutTopic(t.Context(), "work", client.Config{Type: "queue"}); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		claimed *client.Claimed
		err     error
	}
	claim := func(c *client.Client) <-chan answer {
		out := make(chan answer, 1)
		go func() {
			claimed, err := c.Claim(t.Context(), "work", client.Claim{Node: "w", Wait: patience})
			out <- answer{claimed, err}
		}()
		asks := server.client()
		server.until("the claim waits", func() bool {
			requests, err := asks.Requests(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range requests {
				if r.Topic == "work" && r.Waiting {
					return true
				}
			}
			return false
		})
		return out
	}
	drained := claim(server.client())
	server.signal(syscall.SIGTERM)
	if a := <-drained; a.err != nil || len(a.claimed.Jobs) > 0 {
		t.Fatalf("%+v, %v", a.claimed, a.err)
	}
	if code := server.exit(); code != 0 {
		t.Fatalf("exit code %d after SIGTERM", code)
	}

	server = server.again().ready()
	waits, breaks := claim(server.retrying()), claim(server.client())
	later := &client.Write{Entries: []client.Entry{{Data: []byte(`1`), Job: client.JobAttributes{Delay: time.Second}}}}
	if _, err := server.client().Append(t.Context(), "work", later); err != nil {
		t.Fatal(err)
	}
	server.kill()
	if a := <-breaks; a.err == nil {
		t.Fatalf("a claim whose server was killed is answered: %+v", a.claimed)
	}
	server = server.again().ready()
	if a := <-waits; a.err != nil || len(a.claimed.Jobs) != 1 || string(a.claimed.Jobs[0].Data) != "1" {
		t.Fatalf("%+v, %v", a.claimed, a.err)
	}
	// On a machine that stalls the job is due, and claimed, before the kill, which ends its lease.
	if got := counts(t, server.client()); got != (client.QueueCounts{InFlight: 1}) && got != (client.QueueCounts{Ready: 1}) {
		t.Fatalf("%+v", got)
	}
}
