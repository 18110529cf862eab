package session

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
)

// Table is the open ones of one kind: watch sessions, streams of jobs, or WebSockets.
type Table interface {
	// Views are those of the keys that are asked for, in no order.
	Views(of func(*auth.Key) bool) []View
	// End ends the one with an id, if it is of a key that is asked for, with a cause.
	// It does not wait for the end.
	End(id string, of func(*auth.Key) bool, cause *wire.Error) bool
	// Revoke ends those of the keys that are gone.
	Revoke(gone func(*auth.Key) bool)
	// EndStalled ends those whose clients take nothing.
	EndStalled()
}

// Tables is the tables of a server, one of each kind.
type Tables []Table

// EndStalled ends the streams and WebSockets whose clients take nothing: others
// want the memory of what is on its way to them.
func (all Tables) EndStalled() {
	for _, t := range all {
		t.EndStalled()
	}
}

// Revoke ends the sessions, streams and WebSockets of the keys that are gone.
func (all Tables) Revoke(gone func(*auth.Key) bool) {
	for _, t := range all {
		t.Revoke(gone)
	}
}

func (all Tables) views(of func(*auth.Key) bool) []View {
	views := []View{}
	for _, t := range all {
		views = append(views, t.Views(of)...)
	}
	return views
}

func (all Tables) end(id string, of func(*auth.Key) bool, cause *wire.Error) bool {
	for _, t := range all {
		if t.End(id, of, cause) {
			return true
		}
	}
	return false
}

// None is the answer where there is no such session.
func None() *wire.Error {
	return &wire.Error{Status: http.StatusNotFound, Code: "not_found", Message: "no such watch session"}
}
