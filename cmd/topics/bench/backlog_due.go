package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

// duePerJob is how long writing one job may take, so that all of them are written
// when they are due.
const duePerJob = 20 * time.Microsecond

// dueCalls are what others do meanwhile, on the queue and on another topic.
var dueCalls = []struct{ name, method, target, body string }{
	{"write", "POST", benchQueue, `{"records":[{"data":1}]}`},
	{"claim", "POST", benchQueue + "/claim", `{"node":"w"}`},
	{"extend", "POST", benchQueue + "/extend", `{"node":"w","seqs":[1]}`},
	{"read", "GET", benchQueue + "/diff?limit=1", ""},
	{"other topic", "POST", backlogOther, `{"records":[{"data":1}]}`},
}

// measureDue has many jobs be due in one millisecond.
func (b *bench) measureDue(ctx context.Context) (r DueResult, err error) {
	dir, done, err := scratch(b.dir, "due")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, done()) }()
	s, err := boot(ctx, dir, append(b.env(), smallCache))
	if err != nil {
		return r, err
	}
	defer s.kill()
	_, err = s.api.PutTopic(ctx, backlogOther, client.Config{Durability: "disk"})
	if err != nil {
		return r, err
	}
	r = DueResult{Jobs: int(b.cmd.BacklogJobs), MostMS: map[string]float64{}, Before: map[string]float64{}}
	due := time.Now().Add(time.Second + time.Duration(r.Jobs)*duePerJob)
	field := fmt.Sprintf(`"not_before":%d,`, due.UnixMilli())
	err = s.fillBacklog(ctx, backlog{state: "delayed", jobs: r.Jobs, job: func(int) string { return field }})
	if err != nil {
		return r, err
	}
	if time.Now().After(due) {
		return r, errors.New("the jobs were not written in time")
	}
	load.Pause(ctx, time.Until(due.Add(-100*time.Millisecond))) // 0 if it is over
	c, err := load.Dial(s.addr)
	if err != nil {
		return r, err
	}
	defer c.Close()
	for ctx.Err() == nil {
		into := r.MostMS
		if time.Now().Before(due) {
			into = r.Before
		}
		for _, call := range dueCalls {
			var body []byte
			if call.body != "" {
				body = []byte(call.body)
			}
			began := time.Now()
			_, err := c.Expect(load.Render(call.method, "/v0/topics/"+call.target, body), 200)
			if err != nil {
				return r, err
			}
			into[call.name] = max(into[call.name], milliseconds(time.Since(began)))
		}
		state, err := c.Expect(load.Render("GET", "/v0/topics/"+benchQueue, nil), 200)
		if err != nil {
			return r, err
		}
		if bytes.Contains(state, []byte(`"delayed":0,`)) {
			r.TookMS = milliseconds(time.Since(due))
			break
		}
	}
	b.logf("backlog: %d due at once, all ready after %.0f ms; longest in ms: %v, before: %v", r.Jobs, r.TookMS, r.MostMS, r.Before)
	return r, ctx.Err()
}
