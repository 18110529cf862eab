package replay

import (
	"github.com/e6e95bb8/topics/topics/catalog"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// decode returns a snapshot's topics and routers, for those who only look at them.
func decode(snapshot []byte) (*Replay, error) {
	shared := &topic.Shared{Clock: clock.New(clock.System()), Host: noHost{}}
	rp := New(shared, catalog.New(shared, 0), router.NewTable())
	return rp, rp.restoreSnapshot(snapshot)
}

// noHost is the host of topics that are only looked at.
type noHost struct{}

func (noHost) Changed(*topic.Topic)      {}
func (noHost) Born(*topic.Topic)         {}
func (noHost) Dies(*topic.Topic)         {}
func (noHost) Gone(*topic.Topic)         {}
func (noHost) Visit(*topic.Topic)        {}
func (noHost) Serve(*topic.Topic)        {}
func (noHost) AwaitChange(wal.LSN) error { return nil }
func (noHost) Abandon(*topic.Topic)      {}
