package queue

import (
	"math"
	"sort"
)

// era is a config that was in force until a time on the monotonic clock.
type era struct {
	until  int64
	config Config
}

// Config returns the config in force.
func (q *Queue) Config() Config { return q.cfg }

// Configure puts a config in force. Leases, due times and back-offs that run
// stay as they are, and what is over by then goes by the config before. What the
// change means for jobs that wait is left to Advance.
func (q *Queue) Configure(at Time, c Config) {
	if m, any := q.times.min(); any && m.at <= at.Mono {
		q.past = append(q.past, era{at.Mono, q.cfg})
	}
	before := q.cfg
	q.cfg = c.Clamped()
	if q.cfg.GroupConcurrency != before.GroupConcurrency && len(q.groups) > 0 {
		q.regroups = regrouping{from: 1, at: at.Mono}
	}
}

// configAt returns the config by which something goes that happened at a time.
func (q *Queue) configAt(at int64) *Config {
	i := sort.Search(len(q.past), func(i int) bool { return q.past[i].until >= at })
	if i == len(q.past) {
		return &q.cfg
	}
	return &q.past[i].config
}

// forgetPast drops the configs that nothing goes by any more.
func (q *Queue) forgetPast() {
	m, any := q.times.min()
	for len(q.past) > 0 && (!any || m.at > q.past[0].until) {
		q.past = q.past[1:]
	}
	if len(q.past) == 0 {
		q.past = nil
	}
}

// elapsePast applies all that goes by a config before the present one.
func (q *Queue) elapsePast() {
	if n := len(q.past); n > 0 {
		q.elapse(q.past[n-1].until, math.MaxInt)
		q.forgetPast()
	}
}
