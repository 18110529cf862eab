package topics

import (
	"context"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"pgregory.net/rapid"
)

const keyWindow = 300 // ms

// keyMachine runs a queue beside what the contract says of unique keys and of idempotency
// keys, with no care for cost.
type keyMachine struct {
	w     *world
	class record.Class
	head  uint64
	live  map[uint64]string // jobs, with their unique keys
	known map[string]keyAnswer
}

// keyAnswer is what the first write with an idempotency key was answered.
type keyAnswer struct {
	answer string
	at     int64
}

// judge returns how a write is answered, or why it is refused, and what is known from
// then on.
func (m *keyMachine) judge(wr *topic.Write) (want string, deduped bool, refused record.Kind) {
	k, ok := m.known[wr.IdempotencyKey]
	if ok && m.w.now-k.at <= keyWindow {
		return k.answer, true, 0
	}
	if wr.ExpectedHead != nil && *wr.ExpectedHead != m.head {
		return "", false, record.KindSeqMismatch
	}
	out := topic.Written{Unique: &topic.UniqueSeqs{}}
	for i := range wr.Records {
		j, err := record.DecodeJob(wr.Records[i].Job)
		if err != nil {
			m.w.t.Fatal(err)
		}
		seq, taken := m.holder(string(j.Key))
		if taken {
			out.Unique.Deduped = append(out.Unique.Deduped, seq)
		} else {
			m.head++
			seq = m.head
			m.live[seq] = string(j.Key)
			out.Count++
			out.Last = seq
			if out.First == 0 {
				out.First = seq
			}
		}
		out.Unique.Seqs = append(out.Unique.Seqs, seq)
	}
	want = answerOf(out)
	if wr.IdempotencyKey != "" {
		m.known[wr.IdempotencyKey] = keyAnswer{want, m.w.now}
	}
	return want, false, 0
}

// holder returns the live job with a unique key.
func (m *keyMachine) holder(unique string) (seq uint64, taken bool) {
	for seq, key := range m.live {
		if key == unique && key != "" {
			return seq, true
		}
	}
	return 0, false
}

func (m *keyMachine) draw(t *rapid.T) *topic.Write {
	unique := rapid.SliceOfN(rapid.SampledFrom([]string{"", "k", "l", "m", "n"}), 1, 5).Draw(t, "unique")
	wr := uniqueWrite(rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "key"), unique...)
	if rapid.IntRange(0, 5).Draw(t, "expects") == 0 {
		wr.ExpectedHead = ptr(m.head + uint64(rapid.IntRange(0, 1).Draw(t, "wrong by")))
	}
	return wr
}

// hold compares an answer.
func (m *keyMachine) hold(t *rapid.T, wr *topic.Write, out topic.Written, want string, deduped bool) {
	if got := answerOf(out); got != want || out.Deduped != deduped || out.Head > m.head || out.Head < out.Last {
		t.Fatalf("key %q: %s, deduped %v, head %d; want %s, deduped %v, head %d", wr.IdempotencyKey, got, out.Deduped, out.Head, want, deduped, m.head)
	}
}

// Write makes some writes, each before the one before it is durable.
func (m *keyMachine) Write(t *rapid.T) {
	type begun struct {
		wr      *topic.Write
		pending *topic.Pending
		want    string
		deduped bool
	}
	var all []begun
	for range rapid.IntRange(1, 3).Draw(t, "writes") {
		wr := m.draw(t)
		want, deduped, refused := m.judge(wr)
		p, err := m.w.Begin(context.Background(), "q", wr)
		if kindOf(err) != refused || (err == nil) != (refused == 0) {
			t.Fatalf("key %q: %v, want kind %d", wr.IdempotencyKey, err, refused)
		}
		if err == nil {
			all = append(all, begun{wr, p, want, deduped})
		}
	}
	for _, b := range all {
		out, err := b.pending.Wait()
		if err != nil {
			t.Fatal(err)
		}
		m.hold(t, b.wr, out, b.want, b.deduped)
	}
}

// Ack ends a job, now and then with a write in its frame.
func (m *keyMachine) Ack(t *rapid.T) {
	c := m.w.claim("q", "w", 1)
	if len(c.Jobs) == 0 {
		return
	}
	seq := c.Jobs[0].Seq
	call := queue.Call{Node: "w", Seqs: []uint64{seq}}
	if rapid.Bool().Draw(t, "alone") {
		m.w.ack("q", "w", seq)
		delete(m.live, seq)
		return
	}
	wr := m.draw(t)
	was := m.live[seq]
	delete(m.live, seq)
	want, deduped, refused := m.judge(wr)
	out, err := m.w.queues.Ack(context.Background(), "q", call, []jobs.Then{{Topic: "q", Write: wr}})
	if kindOf(err) != refused || (err == nil) != (refused == 0) {
		t.Fatalf("key %q: %v, want kind %d", wr.IdempotencyKey, err, refused)
	}
	if refused != 0 {
		m.live[seq] = was
		m.w.nack("q", "w", queue.Return{}, seq)
		return
	}
	m.hold(t, wr, out.Then[0], want, deduped)
}

func (m *keyMachine) Delete(t *rapid.T) {
	before := rapid.Uint64Range(1, m.head+1).Draw(t, "before")
	m.w.deleteRecords("q", before, "")
	for seq := range m.live {
		if seq < before {
			delete(m.live, seq)
		}
	}
}

func (m *keyMachine) Time(t *rapid.T) {
	m.w.now += rapid.SampledFrom([]int64{1, 50, keyWindow, keyWindow + 1}).Draw(t, "ms")
}

func (m *keyMachine) Checkpoint(*rapid.T) { m.w.checkpoint(nil) }

// End ends the process in a way that loses nothing of the class.
func (m *keyMachine) End(t *rapid.T) {
	how := []string{"restart", "kill", "power"}[:max(1, int(m.class))]
	m.w.end(rapid.SampledFrom(how).Draw(t, "how"))
}

func (m *keyMachine) Check(t *rapid.T) {
	b := m.w.read("q", 0)
	want := make([]uint64, 0, len(m.live))
	for seq := range m.live {
		want = append(want, seq)
	}
	slices.Sort(want)
	if got := seqs(b); !slices.Equal(got, want) {
		t.Fatalf("jobs %v, want %v", got, want)
	}
}

// TestKeysAgainstAModel holds that a queue deduplicates by unique keys, and answers writes
// with an idempotency key again as it did the first time, whatever ends the process.
func TestKeysAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := rapid.SampledFrom([]record.Class{record.Memory, record.Disk, record.Fsync}).Draw(rt, "class")
		m := &keyMachine{w: newWorld(t), class: c, live: map[uint64]string{}, known: map[string]keyAnswer{}}
		m.w.queueOf("q", func(p *record.ConfigPatch) {
			p.Durability, p.IdempotencyWindowMS = ptr(c.String()), ptr(int64(keyWindow))
		})
		rt.Repeat(map[string]func(*rapid.T){
			"": m.Check, "write": m.Write, "write again": m.Write, "ack": m.Ack, "delete": m.Delete, "time": m.Time,
			"checkpoint": m.Checkpoint, "end": m.End,
		})
		m.w.shared.Log.Close()
		*m.w = world{} // the test's cleanup remembers thousands of them
	})
}
