package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/recovery"
)

// claimedJob is a job in the answer of a claim, or in an event.
type claimedJob struct {
	Topic      string          `json:"topic"`
	Seq        uint64          `json:"$seq"`
	Lease      string          `json:"lease_id"`
	Deadline   int64           `json:"deadline"`
	Deliveries int             `json:"deliveries"`
	Group      string          `json:"$group"`
	Key        string          `json:"$unique_key"`
	Priority   int             `json:"$priority"`
	Data       json.RawMessage `json:"data"`
	Meta       json.RawMessage `json:"meta"`
	Reason     string          `json:"reason"` // of a lost event
}

// claimed are the jobs of a claim's answer.
func (a *answer) claimed() []claimedJob {
	var v struct{ Claimed []claimedJob }
	_ = json.Unmarshal(a.body, &v)
	return v.Claimed
}

func seqsOf(jobs []claimedJob) []uint64 {
	seqs := []uint64{}
	for _, j := range jobs {
		seqs = append(seqs, j.Seq)
	}
	return seqs
}

// claims claims and checks which jobs come.
func (s *contractServer) claims(topic, body string, want ...uint64) []claimedJob {
	s.t.Helper()
	a := s.send("POST /v0/topics/"+topic+"/claim", body)
	got := a.claimed()
	if a.status != 200 || !slices.Equal(seqsOf(got), append([]uint64{}, want...)) {
		s.t.Fatalf("claim of %s with %s: %d %s, want %v", topic, body, a.status, a.body, want)
	}
	return got
}

// enqueue writes jobs whose fields, beside data, are these.
func (s *contractServer) enqueue(topic string, fields ...string) {
	s.t.Helper()
	for i, f := range fields {
		if f != "" {
			f = "," + f
		}
		fields[i] = fmt.Sprintf(`{"data":%d%s}`, i, f)
	}
	a := s.send("POST /v0/topics/"+topic, `{"records":[`+strings.Join(fields, ",")+`]}`)
	if a.status > 201 {
		s.t.Fatalf("enqueue in %s: %d %s", topic, a.status, a.body)
	}
}

// queue makes a queue with these fields of a config.
func (s *contractServer) queue(topic, fields string) {
	s.t.Helper()
	if fields != "" {
		fields = "," + fields
	}
	s.walk(step{"PUT /v0/topics/" + topic, `{"type":"queue"` + fields + `}`, s.made("/v0/topics/" + topic), ``})
}

// counts holds numbers of jobs: ready, blocked, delayed, in flight.
func (s *contractServer) counts(topic string, want ...int) {
	s.t.Helper()
	a := s.send("GET /v0/topics/"+topic, "")
	wanted := fmt.Sprintf(`{"count":%d,"queue":{"ready":%d,"blocked":%d,"delayed":%d,"in_flight":%d}}`,
		want[0]+want[1]+want[2]+want[3], want[0], want[1], want[2], want[3])
	if d := a.differs(wanted); d != "" {
		s.t.Fatalf("counts of %s: %s in %s", topic, d, a.body)
	}
	for i, state := range []string{"ready", "blocked", "delayed", "in_flight"} {
		var v struct{ Jobs []json.RawMessage }
		a := s.send("GET /v0/topics/"+topic+"/jobs?limit=1000&state="+state, "")
		_ = json.Unmarshal(a.body, &v)
		if a.status != 200 || len(v.Jobs) != want[i] {
			s.t.Fatalf("%s jobs of %s: %d %s, want %d", state, topic, a.status, a.body, want[i])
		}
	}
}

// queueOf are the counts of a queue.
func (s *contractServer) queueOf(topic string) queue.Counts {
	st, err := s.registry.State(topic, false)
	if err != nil {
		s.t.Fatal(err)
	}
	return *st.Queue
}

// pass lets time pass, and has the queues see it.
func (s *contractServer) pass(ms int64) {
	s.clock.Add(ms)
	s.registry.Queues().Tend(s.t.Context())
}

// overBothTimed is overBoth with the time of the system.
func overBothTimed(t *testing.T, more func(*Options), test func(t *testing.T, s *contractServer), under ...func(*recovery.Options)) {
	t.Helper()
	overBoth(t, more, test, append(under, func(o *recovery.Options) { o.Topics.Now = nil })...)
}

// soon is less than claims of tests wait, and more than a wake-up may take on a
// machine that is busy.
const soon = 25 * time.Second
