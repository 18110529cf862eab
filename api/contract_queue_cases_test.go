package api

import (
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// Case 27 and G12: a job that is due after its ttl ends without having been claimed;
// jobs that a delete takes are no loss that readers are told of.
func TestContractQueueCase27Ends(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", `"ttl_ms":5000`)
		s.enqueue("q", `"delay_ms":10000`)
		s.clock.Add(5000)
		s.counts("q", 0, 0, 1, 0)
		s.clock.Add(1)
		s.counts("q", 0, 0, 0, 0)
		s.clock.Add(5000)
		s.claims("q", `{"node":"w"}`)
		s.queue("d", "")
		s.enqueue("d", "", `"unique_key":"k"`, "")
		s.claims("d", `{"node":"w","max":2}`, 1, 2)
		s.walk(
			step{"POST /v0/topics/d/delete", `{"before_seq":3}`, 200, `{"deleted":2}`},
			step{"GET /v0/topics/d/diff", ``, 200, `{"head_seq":3,"tombstone":null}`},
			step{"POST /v0/topics/d/ack", `{"node":"w","seqs":[1,2]}`, 200, `{"acked":0,"skipped":[1,2],"reasons":{"1":"gone","2":"gone"},"ready":1,"in_flight":0}`},
			step{"POST /v0/topics/d", `{"records":[{"unique_key":"k","data":1}]}`, 200, `{"seqs":[4],"deduped_seqs":"(absent)"}`},
			step{"GET /v0/topics/d", ``, 200, `{"count":2,"queue":{"lost":0}}`},
		)
	})
}

// Case 30 and G20: a call that is refused has done nothing, one that is repeated gets
// the same; seqs are as long as they are.
func TestContractQueueCase30RefusedCalls(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", make([]string, 10)...)
		s.claims("q", `{"node":"w","max":10}`, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
		many := "1" + strings.Repeat(",1", 1000)
		for _, call := range []string{"ack", "nack", "extend"} {
			for body, want := range map[string]string{
				`"seqs":[1,2],"lease_ids":["lease_1"]`: badField("lease_ids"), `"seqs":[` + many + `]`: `{"error":{"code":"batch_too_large","detail":{"max":1000}}}`,
				`"seqs":[1,-1]`: badField("seqs"), `"seqs":[1,1.5]`: badField("seqs"), `"seqs":[1,"1"]`: badField("seqs"), `"seqs":[1,null]`: badField("seqs"), `"seqs":[1,1e1]`: badField("seqs"),
			} {
				s.walk(step{"POST /v0/topics/q/" + call, `{"node":"w",` + body + `}`, 400, want})
			}
		}
		s.counts("q", 0, 0, 0, 10)
		s.walk(
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[` + strings.TrimSuffix(many, ",1") + `]}`, 200, `{"acked":1,"skipped":[]}`},
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[]}`, 200, `{"acked":0,"skipped":[],"in_flight":9}`},
			step{"POST /v0/topics/q/extend", `{"node":"w","seqs":[2,2,18446744073709551615,2,9007199254740993,18446744073709551615]}`, 200,
				`{"extended":1,"skipped":[18446744073709551615,9007199254740993],"reasons":{"18446744073709551615":"unknown","9007199254740993":"unknown"}}`},
		)
	})
}

// Case 31 and G19: while writes are answered 429, calls on jobs wait for the disk and
// are done.
func TestContractQueueCase31Pressure(t *testing.T) {
	var disk *heldDisk
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", "", "", "", "", "")
		s.claims("q", `{"node":"w","max":5}`, 1, 2, 3, 4, 5)
		socket := s.dial(t)
		disk.held.Lock()
		held := true
		defer func() {
			if held {
				disk.held.Unlock()
			}
		}()
		writes := make(chan *answer, 20)
		full, begun := false, 0
		for ; !full && begun < cap(writes); begun++ {
			tail := s.log.Tail()
			go func() {
				writes <- s.send("POST /v0/topics/t", `{"records":[{"data":"`+strings.Repeat("x", 20<<10)+`"}]}`)
			}()
			waitFor(t, func() bool {
				full = len(writes) > 0
				return full || s.log.Tail() >= tail+20<<10
			})
		}
		if a := <-writes; a.status != 429 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		calls := []step{
			{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1]}`, 200, `{"acked":1}`},
			{"POST /v0/topics/q/nack", `{"node":"w","seqs":[2]}`, 200, `{"nacked":1}`},
			{"POST /v0/topics/q/extend", `{"node":"w","seqs":[3]}`, 200, `{"extended":1}`},
			{"POST /v0/topics/q/release", `{"seqs":[4]}`, 200, `{"released":1}`},
		}
		done := make(chan bool, len(calls))
		before, tail := s.log.Stats().SubmitFull, s.log.Tail()
		socket.say(`{"op":"ack","topic":"q","node":"w","seqs":[5]}`)
		for _, c := range calls {
			go func() {
				a := s.send(c.ask, c.body, "X-Confirm", "true")
				if a.status != c.status || a.differs(c.want) != "" {
					t.Errorf("%s: %d %s", c.ask, a.status, a.body)
				}
				done <- true
			}()
		}
		// An ack needs the log; calls on leases that are not durable do not.
		waitFor(t, func() bool { return s.log.Stats().SubmitFull > before+1 || s.log.Tail() > tail })
		// A write that comes after them waits as long as one may, and is refused.
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":"` + strings.Repeat("x", 60<<10) + `"}]}`, 429, refusal("throttled")})
		disk.held.Unlock()
		held = false
		socket.want("acked")
		for range calls {
			<-done
		}
		for range begun - 1 {
			<-writes
		}
		s.counts("q", 2, 0, 0, 1)
	}, func(o *recovery.Options) {
		disk = &heldDisk{FS: crashfs.New()}
		o.FS, o.WAL.QueueBytes, o.WAL.QueueWait = disk, 64<<10, 20*time.Millisecond
	})
}
