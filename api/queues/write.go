package queues

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// ReadJobs gives the records of a write to a topic their jobs, if the topic is a
// queue. In a log it warns of their fields.
func ReadJobs(e Engine, topic string, w *request.WriteRequest, notes *wire.Notices, scope string) error {
	if !w.HasJobs() {
		return nil
	}
	queue, ttl, err := makesJobs(e, topic, w)
	switch {
	case err != nil:
		return err
	case queue:
		return w.ReadJobs(&request.JobReading{Now: e.Time(), TTLMS: ttl, Scope: scope, Notes: notes})
	}
	return w.NoteJobs(notes, scope)
}

// makesJobs reports whether the records of a write become jobs, and after how many
// ms they expire, 0 for never: the topic is a queue, or the write would make it one.
func makesJobs(e Engine, topic string, w *request.WriteRequest) (queue bool, ttl int64, err error) {
	st, err := e.State(topic, false)
	switch {
	case err == nil:
		return st.Config.Type == record.TypeQueue, st.Config.TTLMS, nil
	case wire.ErrorOf(err).Status != http.StatusNotFound:
		return false, 0, err
	case w.Config == nil || w.Config.Type == nil || *w.Config.Type != string(record.TypeQueue):
		return false, 0, nil
	case w.Config.TTLMS != nil:
		ttl = *w.Config.TTLMS
	}
	return true, ttl, nil
}

// NoteEviction warns of a queue whose cap takes jobs that are not done.
func NoteEviction(topic string, c *record.Config, notes *wire.Notices) {
	if c.Type == record.TypeQueue && c.Discard == record.DiscardOld && (c.CapRecords > 0 || c.CapBytes > 0) {
		notes.Mention("the queue %q has a cap and discard %q: when it is full, each write takes the oldest job, "+
			"done or not; with discard %q the write is refused instead", topic, record.DiscardOld, record.DiscardReject)
	}
}

// NoteMade warns of the config of a topic that a write made.
func NoteMade(e Engine, topic string, notes *wire.Notices) {
	st, err := e.State(topic, false)
	if err == nil {
		NoteEviction(topic, &st.Config, notes)
	}
}
