package api

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// Operations, section 5: the overview has the jobs of all queues by state and
// what was done, beside the totals of topics and what is open.
func TestContractOverview(t *testing.T) {
	var now atomic.Int64
	overBoth(t, func(o *Options) {
		o.Now = func() time.Time { return time.Unix(now.Load(), 0) }
	}, func(t *testing.T, s *contractServer) {
		overview := func(want string) {
			t.Helper()
			now.Add(1) // it is put together once a second
			if a := s.send("GET /v0/admin/stats", ""); a.status != 200 || a.differs(want) != "" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v %s: %s", a.status, a.header, a.body, a.differs(want))
			}
		}
		queues := func(ready, delayed, inFlight, dead, acked int) string {
			return fmt.Sprintf(`{"topics":{"topics":3,"queue_topics":1},"queues":{"ready":%d,"delayed":%d,"leases_in_flight":%d,"dead_lettered":%d,"acked":%d}}`, ready, delayed, inFlight, dead, acked)
		}
		s.queue("q", `"max_deliveries":1,"dead_letter":"dead"`)
		s.walk(step{"PUT /v0/topics/dead", ``, 201, ``}, step{"POST /v0/topics/log", `{"records":[{}]}`, 201, ``})
		s.enqueue("q", "", "", "", `"delay_ms":3600000`)
		overview(queues(3, 1, 0, 0, 0))
		s.claims("q", `{"node":"w","max":2,"lease_ms":60000}`, 1, 2)
		overview(queues(1, 1, 2, 0, 0))
		s.walk(step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1]}`, 200, ``}, step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[2],"dead":true}`, 200, ``})
		overview(queues(1, 1, 0, 1, 1))
		s.walk(step{"POST /v0/watch", `{"topics":{"log":{}}}`, 200, ``})
		overview(`{"phase":"ready","health":"healthy","version":"test","uptime_ms":"(any)","connections":{"watch_sessions":1,"streams":0},
			"rates":{"1s":{"appends":"(any)","deliveries":"(any)","claims":"(any)","acks":"(any)","requests":"(any)","errors":"(any)"}}}`)
	})
}
