package e2e

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// A client in another language, written against the OpenAPI document alone, works
// a queue to its end while the server is killed twice: every job is done, and
// none is done again after it was acked.
func TestQueueFromPython(t *testing.T) {
	python := installed(t, "python3")
	server := serve(t, t.TempDir()).ready()
	c, ctx := server.retrying(), t.Context()
	const jobs = 400
	if _, err := c.PutTopic(ctx, "work", client.Config{Type: "queue", Durability: "fsync"}); err != nil {
		t.Fatal(err)
	}
	w := &client.Write{}
	for n := range jobs {
		w.Entries = append(w.Entries, client.Entry{
			Data: []byte(strconv.Itoa(n)), Job: client.JobAttributes{Group: fmt.Sprint("g", n%7), Priority: n % 3},
		})
	}
	if _, err := c.Append(ctx, "work", w); err != nil {
		t.Fatal(err)
	}
	worker := start(t, exec.Command(python, "testdata/queue_client.py", server.url(), "work", "python"))
	for _, part := range []int{4, 2} {
		worker.until(fmt.Sprintf("one of %d jobs is done", part), func() bool {
			return strings.Count(worker.stdout.String(), "\n") >= jobs/part
		})
		server.kill()
		server = server.again().ready()
	}
	if code := worker.exit(); code != 0 {
		t.Fatalf("the client ended with %d", code)
	}
	done := map[string]int{}
	for line := range strings.Lines(worker.stdout.String()) {
		done[strings.TrimSpace(line)]++
	}
	for n := range jobs {
		if times := done[strconv.Itoa(n)]; times != 1 {
			t.Errorf("job %d was acked %d times", n, times)
		}
	}
	if state, err := server.client().State(ctx, "work"); err != nil || state.Count != 0 || *state.Queue != (client.QueueCounts{}) {
		t.Errorf("%+v, %v", state, err)
	}
}
