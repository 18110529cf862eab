package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// The topics of a drill by a client in another language.
const (
	foreignLog   = "drill-log"
	foreignQueue = "drill-queue"
)

// foreignDrill is a program in another language that writes, watches and works
// with its client, and prints what it knows. When it has read a line it writes no
// more; when its input ends it stops.
type foreignDrill struct {
	*process
	input io.WriteCloser
}

// foreignLine is a line of its output: an object with one of these.
type foreignLine struct {
	Written *struct {
		Topic string
		Seqs  []uint64
		Data  []string
	}
	Seen  []foreignRecord
	Lost  json.RawMessage
	Begun *foreignRecord // a job
	Done  *foreignRecord // and the queue knows it
	Back  *foreignRecord
	Quiet bool
	Error string
}

type foreignRecord struct {
	Seq  uint64
	Data string
}

// runForeignDrill kills a server under the load of a foreign client, and judges
// what both of them know: nothing that was acknowledged is lost or doubled, the
// watch had every record once and in order, and no job came again after its ack.
func runForeignDrill(t *testing.T, command func(url string) *exec.Cmd) {
	t.Helper()
	server := serve(t, t.TempDir()).ready()
	c, ctx := server.retrying(), t.Context()
	for topic, kind := range map[string]string{foreignLog: "log", foreignQueue: "queue"} {
		if _, err := c.PutTopic(ctx, topic, client.Config{Type: kind, Durability: "fsync"}); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command(server.url())
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	d := &foreignDrill{process: start(t, cmd), input: input}
	for kill := range 3 {
		d.progress(30 * (kill + 1))
		server.kill()
		server = server.again().ready()
	}
	d.progress(120)
	fmt.Fprintln(input, "quiet")
	d.until("it writes no more", func() bool { return strings.Contains(d.stdout.String(), `"quiet"`) })
	head, err := server.client().State(ctx, foreignLog)
	if err != nil {
		t.Fatal(err)
	}
	d.until("the watch is at the head", func() bool { return d.knows().last() >= head.HeadSeq })
	d.until("the queue is empty", func() bool {
		state, err := server.client().State(ctx, foreignQueue)
		return err == nil && state.Count == 0
	})
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	if code := d.exit(); code != 0 {
		t.Fatalf("it ended with %d", code)
	}
	d.knows().judge(t, server)
}

// progress waits until so many writes, events and ends of jobs were printed.
func (d *foreignDrill) progress(n int) {
	d.t.Helper()
	for _, what := range []string{`{"written"`, `{"seen"`, `{"done"`} {
		d.until(fmt.Sprintf("%d times %s", n, what), func() bool { return strings.Count(d.stdout.String(), what) >= n })
	}
}

// foreignKnowledge is what the program has printed.
type foreignKnowledge struct {
	written map[string]map[uint64]string // by topic and seq
	lines   []foreignLine
}

func (d *foreignDrill) knows() *foreignKnowledge {
	d.t.Helper()
	k := &foreignKnowledge{written: map[string]map[uint64]string{foreignLog: {}, foreignQueue: {}}}
	for line := range strings.Lines(d.stdout.String()) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var l foreignLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			d.t.Fatalf("it printed %q: %v", line, err)
		}
		if l.Error != "" || l.Lost != nil {
			d.t.Fatalf("it printed %s", line)
		}
		if w := l.Written; w != nil {
			for i, seq := range w.Seqs {
				if before, given := k.written[w.Topic][seq]; given {
					d.t.Errorf("%s: seq %d was given to %s and %s", w.Topic, seq, before, w.Data[i])
				}
				k.written[w.Topic][seq] = w.Data[i]
			}
		}
		k.lines = append(k.lines, l)
	}
	return k
}

// last returns the last seq that the watch has seen.
func (k *foreignKnowledge) last() (seq uint64) {
	for _, l := range k.lines {
		for _, r := range l.Seen {
			seq = r.Seq
		}
	}
	return seq
}

func (k *foreignKnowledge) judge(t *testing.T, server *process) {
	t.Helper()
	var stored []foreignRecord
	for event, err := range server.client().Follow(t.Context(), foreignLog, client.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := event.(client.Records); ok {
			for _, record := range r.Records {
				var data string
				if err := json.Unmarshal(record.Data, &data); err != nil {
					t.Fatal(err)
				}
				stored = append(stored, foreignRecord{record.Seq, data})
			}
		}
		if _, ok := event.(client.CaughtUp); ok {
			break
		}
	}
	places := map[string]uint64{}
	for _, r := range stored {
		if at, some := places[r.Data]; some {
			t.Errorf("%s is at %d and at %d", r.Data, at, r.Seq)
		}
		places[r.Data] = r.Seq
		if k.written[foreignLog][r.Seq] != r.Data {
			t.Errorf("seq %d is %s, and was acknowledged as %q", r.Seq, r.Data, k.written[foreignLog][r.Seq])
		}
	}
	if len(stored) != len(k.written[foreignLog]) {
		t.Errorf("%d records were acknowledged, and %d are there", len(k.written[foreignLog]), len(stored))
	}
	var seen []foreignRecord
	for _, l := range k.lines {
		seen = append(seen, l.Seen...)
	}
	if !slices.Equal(seen, stored) {
		t.Errorf("the watch saw %d records, which are not the %d that are stored, in order", len(seen), len(stored))
	}
	k.judgeJobs(t)
}

// judgeJobs holds that each job was given to a handler, and to none after its ack.
// The ack of a job may be unknown to the worker, if the server was killed before it
// could answer.
func (k *foreignKnowledge) judgeJobs(t *testing.T) {
	t.Helper()
	begun, done := map[uint64]int{}, map[uint64]bool{}
	for _, l := range k.lines {
		switch {
		case l.Begun != nil:
			begun[l.Begun.Seq]++
			if done[l.Begun.Seq] {
				t.Errorf("job %d came again after its ack", l.Begun.Seq)
			}
			if want := k.written[foreignQueue][l.Begun.Seq]; want != "" && want != l.Begun.Data {
				t.Errorf("job %d is %s, and was written as %s", l.Begun.Seq, l.Begun.Data, want)
			}
		case l.Done != nil:
			if done[l.Done.Seq] {
				t.Errorf("job %d was acked twice", l.Done.Seq)
			}
			done[l.Done.Seq] = true
		}
	}
	again := 0
	for seq := range k.written[foreignQueue] {
		if begun[seq] == 0 {
			t.Errorf("job %d is gone, and no handler had it", seq)
		}
		again += begun[seq] - 1
	}
	if len(begun) != len(k.written[foreignQueue]) {
		t.Errorf("%d jobs were written, and %d begun", len(k.written[foreignQueue]), len(begun))
	}
	t.Logf("%d records written and watched; %d jobs, of which %d are known to be acked; %d deliveries beyond the first",
		len(k.written[foreignLog]), len(k.written[foreignQueue]), len(done), again)
}
