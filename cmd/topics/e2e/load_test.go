package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

const topic = "packages"

// TestLoadIsExactlyOnce loads a corpus while the server and the load are killed
// in the middle, and compares every record with its line.
func TestLoadIsExactlyOnce(t *testing.T) {
	t.Parallel()
	file := corpus(t)
	want := lines(t, file)
	dir := t.TempDir()
	load := func(url string) *process {
		return command(t, nil, "load", file, "--topic", topic, "--durability", "fsync", "--batch", "200", "--url", url)
	}

	// The server is killed and restarted on the same port, and the load continues.
	server := serve(t, dir).ready()
	port := portOf(t, server.addr())
	first := load(server.url())
	awaitHead(first, server, len(want)/4)
	server.kill()
	server = serve(t, dir, "TOPICS_PORT="+port).ready()

	// The load is killed.
	awaitHead(first, server, len(want)/2)
	first.kill()

	// Both are killed.
	second := load(server.url())
	awaitHead(second, server, 3*len(want)/4)
	server.kill()
	second.kill()

	// The load is run again, and once more without anything to do.
	server = serve(t, dir).ready()
	for _, summary := range []string{" were already there", fmt.Sprintf("%s: 0 records", topic)} {
		p := load(server.url())
		if code := p.exit(); code != 0 {
			t.Fatalf("the load ended with %d", code)
		}
		if !strings.Contains(p.stdout.String(), summary) {
			t.Errorf("the load said %q", p.stdout.String())
		}
	}
	compare(t, server.client(), want)
	state, err := server.client().State(context.Background(), topic)
	if err != nil || state.Config.Durability != "fsync" || state.Count != int64(len(want)) {
		t.Errorf("state %+v, %v", state, err)
	}
}

// TestLoadKeepsEveryByte loads the generated corpus, whose payloads are more
// unusual than real ones, from standard input.
func TestLoadKeepsEveryByte(t *testing.T) {
	file := generate(t, 3000)
	server := serve(t, t.TempDir()).ready()
	p := command(t, nil, "load", file, "--topic", topic, "--url", server.url())
	if code := p.exit(); code != 0 {
		t.Fatalf("the load ended with %d", code)
	}
	compare(t, server.client(), lines(t, file))
}

// awaitHead waits until the topic has this many records while the load runs.
func awaitHead(load, server *process, records int) {
	load.t.Helper()
	c := server.client()
	load.until(fmt.Sprintf("%d records are loaded", records), func() bool {
		state, err := c.State(context.Background(), topic)
		return err == nil && state.HeadSeq >= uint64(records)
	})
}

// compare reads the whole topic and compares every record with its line.
func compare(t *testing.T, c *client.Client, want []line) {
	t.Helper()
	q := client.Query{Limit: 1000, IncludeTags: true}
	for {
		b, err := c.Diff(context.Background(), topic, q)
		if err != nil {
			t.Fatal(err)
		}
		if b.Tombstone != nil {
			t.Fatalf("records are lost: %+v", b.Tombstone)
		}
		if b.HeadSeq != uint64(len(want)) {
			t.Fatalf("head is %d, the input has %d", b.HeadSeq, len(want))
		}
		for i, r := range b.Records {
			if r.Seq != q.From+uint64(i)+1 {
				t.Fatalf("seq %d follows %d", r.Seq, q.From+uint64(i))
			}
			w := want[r.Seq-1]
			if !bytes.Equal(r.Data, w.Data) || !bytes.Equal(r.Meta, w.Meta) || !same(r.Tag, w.Tag) || !same(r.Node, w.Node) {
				t.Fatalf("record %d is not its line:\n%s\nwant %s %s", r.Seq, r.Raw, w.Data, w.Meta)
			}
		}
		if q.From = b.NextFrom; b.CaughtUp {
			break
		}
	}
	if q.From != uint64(len(want)) {
		t.Errorf("%d records, want %d", q.From, len(want))
	}
}

func same(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func portOf(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
