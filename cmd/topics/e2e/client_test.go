package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// One watch of the Go client continues across kills: it yields every record of
// every topic once and in order, including topics created under a prefix
// meanwhile.
func TestClientWatchesAcrossKills(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir()).ready()
	c := server.retrying()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience) // includes all kills
	defer cancel()
	const writes = 60
	if _, err := c.PutTopic(ctx, "watched", client.Config{Durability: "fsync"}); err != nil {
		t.Fatal(err)
	}
	kill := make(chan struct{})
	wrote := make(chan error, 1)
	go func() {
		wrote <- func() error {
			for i := range writes {
				for _, topic := range []string{"watched", "under:" + fmt.Sprint(i/20)} {
					_, err := c.Append(ctx, topic, &client.Write{
						Entries:        []client.Entry{{Data: fmt.Appendf(nil, `{"n": %d}`, i)}},
						IdempotencyKey: fmt.Sprint(topic, i),
						Config:         &client.Config{Durability: "fsync"},
					})
					if err != nil {
						return err
					}
				}
				if i%20 == 10 {
					kill <- struct{}{}
				}
			}
			return nil
		}()
		close(kill)
	}()
	watched := make(chan error, 1)
	go func() {
		watched <- func() error {
			at := map[string]uint64{}
			total := 0
			for event, err := range c.Watch(ctx, client.Watch{
				Topics: map[string]client.Start{"watched": {}}, Prefixes: map[string]client.Start{"under:": {}},
			}) {
				if err != nil {
					return err
				}
				switch e := event.(type) {
				case client.Records:
					for _, r := range e.Records {
						if at[e.Topic]++; r.Seq != at[e.Topic] {
							return fmt.Errorf("%s: %d after %d", e.Topic, r.Seq, at[e.Topic]-1)
						}
						total++
					}
				case client.Tombstone, client.TopicDeleted:
					return fmt.Errorf("%+v", e)
				case client.CaughtUp:
				}
				if total == 2*writes {
					return nil
				}
			}
			return ctx.Err()
		}()
	}()
	for range kill {
		server.kill()
		server = server.again()
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if err := <-watched; err != nil {
		t.Fatal(err)
	}
}

// The client's view of topics and routers is that of the server.
func TestClientRoutes(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	c, ctx := server.client(), t.Context()
	if created, err := c.PutRouter(ctx, "in>out", client.Router{Source: "in", Dest: "out", Filter: []string{"tag", "Glob", "a*"}}); err != nil || !created {
		t.Fatal(created, err)
	}
	tag := "abc"
	for _, e := range []client.Entry{{Data: []byte(`1`), Tag: &tag}, {Data: []byte(`2`)}} {
		if _, err := c.Append(ctx, "in", &client.Write{Entries: []client.Entry{e}}); err != nil {
			t.Fatal(err)
		}
	}
	var b *client.Batch
	var err error
	server.until("it is forwarded", func() bool { // a read waits for a limited time only
		b, err = c.Diff(ctx, "out", client.Query{IncludeTags: true})
		return err != nil || b.HeadSeq > 0
	})
	if err != nil || len(b.Records) != 1 || string(b.Records[0].Data) != "1" || *b.Records[0].Tag != tag {
		t.Fatalf("%+v, %v", b, err)
	}
	r, err := c.Router(ctx, "in>out")
	if err != nil || r.Source != "in" || r.Dest != "out" || r.Forwarded != 1 || r.Lag != 0 || !slices.Equal(r.Filter, []string{"tag", "Glob", "a*"}) {
		t.Errorf("%+v, %v", r, err)
	}
	var names []string
	for r, err := range c.Routers(ctx, client.RouterFilter{Source: "in"}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, r.Name)
	}
	for l, err := range c.Topics(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprint(l.Topic, l.HeadSeq))
	}
	if got := strings.Join(names, " "); got != "in>out in2 out1" {
		t.Errorf("listed %s", got)
	}
	if _, err := c.PutRouter(ctx, "back", client.Router{Source: "out", Dest: "in"}); !client.IsCode(err, client.CodeRouterCycle) {
		t.Errorf("a cycle: %v", err)
	}
	limit, priority := int64(5), int64(7)
	if config, err := c.PatchTopic(ctx, "out", client.Changes{CapRecords: &limit, Priority: &priority}); err != nil || config.CapRecords != 5 || *config.Priority != 7 {
		t.Errorf("%+v, %v", config, err)
	}
	if config, err := c.PatchTopic(ctx, "out", client.Changes{NoPriority: true}); err != nil || config.CapRecords != 5 || config.Priority != nil {
		t.Errorf("%+v, %v", config, err)
	}
	if deleted, err := c.DeleteRouter(ctx, "in>out"); err != nil || !deleted {
		t.Error(deleted, err)
	}
	if _, err := c.Router(ctx, "in>out"); !client.IsCode(err, client.CodeRouterNotFound) {
		t.Errorf("a deleted router: %v", err)
	}
}

// `topics tail` finds the server by its settings, and prints the same over a
// stream and by polling. It takes the key from the environment.
func TestTail(t *testing.T) {
	server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret).ready()
	c := server.keyed()
	for i := range 3 {
		write(t, c, "tailed", fmt.Sprintf(`{"n": %d,
			"x":1}`, i))
	}
	env := []string{"TOPICS_PORT=" + portOf(t, server.addr()), "TOPICS_KEY=" + secret}
	var printed []string
	for _, flags := range [][]string{{}, {"-f"}, {"-f", "--poll"}} {
		p := command(t, env, append([]string{"tail", "tailed", "--from", "1", "--limit", "2"}, flags...)...)
		if code := p.exit(); code != 0 {
			t.Fatalf("tail %v: exit code %d", flags, code)
		}
		printed = append(printed, p.stdout.String())
	}
	if lines := strings.Split(printed[0], "\n"); len(lines) != 3 || !strings.Contains(lines[0], `"$seq":2,`) || !strings.Contains(lines[1], `{"n": 2,`) {
		t.Errorf("printed %q", printed[0])
	}
	for i, p := range printed {
		// A line end inside a payload becomes one space in both cases.
		if p != printed[0] {
			t.Errorf("%d printed %q, not %q", i, p, printed[0])
		}
	}
	if p := command(t, env[:1], "tail", "tailed"); p.exit() == 0 || !strings.Contains(p.stderr.String(), "unauthorized") {
		t.Error("tail went on without a key")
	}
	follow := command(t, env, "tail", "tailed", "-f", "-n", "0", "--limit", "1")
	watching := func() bool {
		m, err := c.Metrics(t.Context())
		return err == nil && strings.Contains(m, "topics_sse_connections 1")
	}
	follow.until("it watches", watching)
	write(t, c, "tailed", `"new"`)
	if code := follow.exit(); code != 0 || !strings.Contains(follow.stdout.String(), `"data":"new"`) {
		t.Errorf("exit code %d, printed %q", code, follow.stdout.String())
	}
}
