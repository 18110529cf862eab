package jobs

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// class is a durability class by its name in the API.
type class string

// The four classes, weakest first.
const (
	ephemeral class = "ephemeral"
	memory    class = "memory"
	disk      class = "disk"
	fsync     class = "fsync"
)

var classes = []class{ephemeral, memory, disk, fsync}

// survives reports whether what was acknowledged survives a kill.
func (c class) survives() bool { return c == disk || c == fsync }

// queue returns the queue of a class, and dead its dead-letter topic.
func (c class) queue() string { return "drill-" + string(c) }
func (c class) dead() string  { return "drill-" + string(c) + "-dead" }

// config returns the config of the queue of a class. Its leases are durable in
// every other class, so that both kinds are killed.
func (c class) config(lease time.Duration) client.Config {
	window := (24 * time.Hour).Milliseconds()
	dead := c.dead()
	return client.Config{
		Type: "queue", Durability: string(c), IdempotencyWindowMS: &window, DeadLetter: &dead,
		LeaseMS: lease.Milliseconds(), LeasesDurable: c == memory || c == fsync,
	}
}

// groupsOf is the number of groups in each queue.
const groupsOf = 50

// job is one planned job. Its number identifies it; everything else follows from
// the seed.
type job struct {
	number   int
	class    class
	group    string // empty for half of them
	delay    time.Duration
	priority int
	conduct  conduct
	took     time.Duration // how long a handler takes
}

// conduct is what a handler does with a job.
type conduct int

const (
	does    conduct = iota // it does the job
	returns                // it gives it back once, and does it later
	rejects                // it gives it up
	slow                   // it takes longer than a lease
)

// plan is what the seed determines.
type plan struct {
	seed  uint64
	lease time.Duration
}

// job returns the job with a number.
func (p plan) job(number int) job {
	rng := rand.New(rand.NewPCG(p.seed, uint64(number)))
	j := job{number: number, class: classes[rng.IntN(len(classes))], took: time.Duration(rng.IntN(4)) * time.Millisecond}
	if rng.IntN(2) == 0 {
		j.group = fmt.Sprintf("g%d", rng.IntN(groupsOf))
	}
	switch rng.IntN(20) {
	case 0:
		j.delay = time.Duration(1+rng.IntN(2000)) * time.Millisecond
	case 1:
		j.priority = rng.IntN(21) - 10
	}
	switch x := rng.IntN(2000); {
	case x < 60:
		j.conduct = returns
	case x < 80:
		j.conduct = rejects
	case x < 82:
		j.conduct, j.took = slow, p.lease*3/2
	}
	return j
}

// entry returns the record of a job. payload is any JSON value.
func (j *job) entry(payload []byte) client.Entry {
	data := fmt.Appendf(nil, `{"job":%d,"payload":%s}`, j.number, payload)
	return client.Entry{Data: data, Job: client.JobAttributes{Group: j.group, Delay: j.delay, Priority: j.priority}}
}
