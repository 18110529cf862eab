package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// Section 12, effective_priority over time.
func TestContractPriority(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		shows := func(topic string, want int) {
			t.Helper()
			s.walk(step{"GET /v0/topics/" + topic + "?touch=false", ``, 200, fmt.Sprintf(`{"effective_priority":%d}`, want)})
			list := s.send("GET /v0/topics?prefix="+topic, "")
			if part := fmt.Sprintf(`"effective_priority":%d,`, want); !strings.Contains(string(list.body), part) {
				t.Errorf("%s is listed as %s, want %s", topic, list.body, part)
			}
		}
		s.walk(step{"PUT /v0/topics/auto", ``, 201, ``}, step{"PUT /v0/topics/off", `{"auto_priority":false}`, 201, ``}, step{"PUT /v0/topics/manual", `{"priority":-77}`, 201, ``},
			step{"PUT /v0/topics/both", `{"priority":5000,"auto_priority":true}`, 201, ``})
		shows("auto", 0) // never read
		for _, topic := range []string{"auto", "off", "manual", "both"} {
			s.walk(step{"GET /v0/topics/" + topic + "/diff", ``, 200, ``})
		}
		read := s.clock.Load()
		for _, at := range []struct{ after, want int }{{0, 500}, {30_000, 250}, {60_000, 125}, {120_000, 31}, {299_999, 0}, {300_000, 0}, {300_001, 0}} {
			s.clock.Store(read + int64(at.after))
			shows("auto", at.want)
			shows("off", 0)
			shows("manual", -77)
			shows("both", 1000)
		}
		s.walk(step{"GET /v0/topics/auto?touch=true", ``, 200, ``})
		shows("auto", 500)
		s.walk(step{"PATCH /v0/topics/manual", `{"priority":null}`, 200, ``}) // it has been read meanwhile
		s.walk(step{"GET /v0/topics/manual", ``, 200, ``})
		shows("manual", 500)
		s.walk(step{"PATCH /v0/topics/auto", `{"priority":0}`, 200, ``})
		shows("auto", 0)
	})
}

// Sections 1, 5 and 12, when a topic was last read: by a client, in whatever
// way, and not by a router, a list, or anything that is no reading.
func TestContractRecency(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/t", ``, 201, ``}, step{"PUT /v0/routers/r", `{"source":"t","dest":"u"}`, 201, ``}, step{"POST /v0/topics/t", `{"records":[{}]}`, 200, ``},
			step{"GET /v0/topics/u/diff", ``, 200, `{"head_seq":1}`}, step{"GET /v0/topics", ``, 200, ``}, step{"GET /v0/routers/r", ``, 200, ``},
			step{"POST /v0/topics/t/delete", `{"match":"x"}`, 200, ``}, step{"PATCH /v0/topics/t", `{}`, 200, ``},
			step{"GET /v0/topics/t?touch=false", ``, 200, `{"last_read_ts":null,"effective_priority":0}`})
		s.clock.Add(7)
		c := s.stream(`{"topics":{"t":{}}}`)
		c.want("record", "")
		c.want("caught-up", "")
		s.walk(step{"GET /v0/topics/t?touch=false", ``, 200, `{"last_read_ts":1700000000007,"effective_priority":500}`})
		s.clock.Add(30_000)
		s.walk(step{"GET /v0/topics/t?touch=false", ``, 200, `{"last_read_ts":1700000000007,"effective_priority":250}`}, step{"POST /v0/topics/t", `{"records":[{}]}`, 200, ``})
		c.want("record", "")
		c.want("caught-up", "")
		s.walk(step{"GET /v0/topics/t?touch=false", ``, 200, `{"last_read_ts":1700000030007}`})
		s.clock.Add(30_000) // another one gets what is rendered already
		other := s.stream(`{"topics":{"t":{}}}`)
		other.want("record", "")
		other.want("caught-up", "")
		s.walk(step{"GET /v0/topics/t?touch=false", ``, 200, `{"last_read_ts":1700000060007}`})
		c.hangUp()
		other.hangUp()
	})
}

// heldDisk is a disk whose writes wait while the test holds it.
type heldDisk struct {
	vfs.FS
	held sync.RWMutex
}

type heldFile struct {
	vfs.File
	disk *heldDisk
}

func (d *heldDisk) Open(name string) (vfs.File, error) {
	f, err := d.FS.Open(name)
	return &heldFile{f, d}, err
}

func (d *heldDisk) Create(name string) (vfs.File, error) {
	f, err := d.FS.Create(name)
	return &heldFile{f, d}, err
}

func (f *heldFile) WriteAt(p []byte, off int64) (int, error) {
	f.disk.held.RLock()
	defer f.disk.held.RUnlock()
	return f.File.WriteAt(p, off)
}

// Section 12, the last step of pressure: writes are answered 429 throttled and
// told when to come back, unless they say disable_backpressure.
func TestContractThrottled(t *testing.T) {
	var disk *heldDisk
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/t", ``, 201, ``}, step{"POST /v0/topics/t", `{"records":[{}]}`, 200, `{"performance":{"throttle_wait_ms":0}}`})
		disk.held.Lock()
		const size = 20 << 10
		const record = `{"records":[{"data":"%s"}]%s}`
		answers := make(chan *answer, 100)
		write := func(more string) {
			go func() { answers <- s.send("POST /v0/topics/t", fmt.Sprintf(record, strings.Repeat("x", size), more)) }()
		}
		queued := 0 // writes that have their place and wait for the disk
		for len(answers) == 0 && queued < 10 {
			tail := s.log.Tail()
			write("")
			// Its own frame, not only one that reserves seqs.
			waitFor(t, func() bool { return s.log.Tail() >= tail+size || len(answers) > 0 })
			queued++
		}
		queued-- // the last one
		a := <-answers
		if d := a.differs(`{"error":{"code":"throttled","detail":{"retry_after_ms":"(any)","limit":"(absent)"}}}`); a.status != 429 || d != "" || queued == 0 {
			t.Errorf("with %d waiting: %d %s", queued, a.status, a.body)
		}
		if full := s.registry.Pressure(); full < 0.5 || full > 1 {
			t.Errorf("pressure %v", full)
		}
		// Reads go on, and who says so waits.
		s.walk(step{"GET /v0/topics/t/diff", ``, 200, `{"head_seq":1}`})
		before := s.log.Stats().SubmitFull
		write(`,"disable_backpressure":true`)
		waitFor(t, func() bool { return s.log.Stats().SubmitFull > before })
		if len(answers) > 0 {
			t.Error("answered while the disk takes nothing")
		}
		disk.held.Unlock()
		waited := 0
		for range queued + 1 {
			a := <-answers
			if a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a.differs(`{"performance":{"throttle_wait_ms":0}}`) != "" {
				waited++
			}
		}
		if waited != 1 {
			t.Errorf("%d writes say that they waited", waited)
		}
		s.walk(step{"GET /v0/topics/t", ``, 200, fmt.Sprintf(`{"head_seq":%d}`, queued+2)}) // nothing of what was refused
	}, func(o *recovery.Options) {
		disk = &heldDisk{FS: crashfs.New()}
		o.FS, o.WAL.QueueBytes, o.WAL.QueueWait = disk, 64<<10, 20*time.Millisecond
	})
}
