package api

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// readJobs gives the records of a write to a topic their jobs, if the topic is a
// queue. In a log it warns of their fields.
func readJobs(e Engine, topic string, w *request.WriteRequest, notes *wire.Notices, scope string) error {
	if !w.HasJobs() {
		return nil
	}
	queue, err := makesJobs(e, topic, w)
	switch {
	case err != nil:
		return err
	case queue:
		return w.ReadJobs(e.Time(), scope)
	}
	return w.NoteJobs(notes, scope)
}

// makesJobs reports whether the records of a write become jobs: the topic is a
// queue, or the write would make it one.
func makesJobs(e Engine, topic string, w *request.WriteRequest) (bool, error) {
	st, err := e.State(topic, false)
	switch {
	case err == nil:
		return st.Config.Type == record.TypeQueue, nil
	case wire.ErrorOf(err).Status == http.StatusNotFound:
		return w.Config != nil && w.Config.Type != nil && *w.Config.Type == string(record.TypeQueue), nil
	}
	return false, err
}
