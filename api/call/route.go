package call

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/auth"
)

// Kind is what a route's requests need and count for.
type Kind uint8

const (
	// Data routes need the engine: they are refused until recovery is through
	// and once the server stops serving.
	Data Kind = iota + 1
	// Streaming routes are data routes whose answer goes on for as long as the
	// client listens. Browsers cannot set a header for them, so they take the
	// key from ?token=, too; they have caps of their own (takeStream) and do
	// not count as requests under way.
	Streaming
	// Admin routes change how the server runs or what it keeps: they are
	// refused when data routes are, need a confirmation, and each call leaves
	// a line in the audit log.
	Admin
	// Setting routes change what the server shows of itself. They are admin
	// routes that need no engine and answer in every phase.
	Setting
	// AdminRead routes show how the server runs, in every phase.
	AdminRead
	// Personal routes show a caller its own rights, in every phase and on every
	// listener.
	Personal
	// Telemetry routes answer from the first moment to the last, for programs
	// that collect.
	Telemetry
	// Probe routes answer from the first moment to the last, on every listener.
	Probe
	// Page routes are the console's files. They answer as probes do, and need no
	// key where probes need one.
	Page
)

// Operator reports whether routes of the kind are only on the operators' own
// listener, where there is one. That listener has all the others, too.
func (k Kind) Operator() bool {
	return k == Admin || k == Setting || k == AdminRead || k == Telemetry || k == Page
}

// confirmed reports whether calls of the kind need a confirmation.
func (k Kind) confirmed() bool { return k == Admin || k == Setting }

// Gated reports whether routes of the kind need the engine.
func (k Kind) Gated() bool { return k == Data || k == Streaming || k == Admin }

// Route is one row of the table. pattern is also its label in the metrics:
// raw paths never get there. scope is what a key needs; every row says one. If
// the pattern has a :topic or a :router, its name must be one that the key
// sees. Names in bodies and queries are the handler's to check, with call.may. query
// is the names of the parameters that it takes in the query, beside strict.
type Route struct {
	Method  string
	Pattern string
	Kind    Kind
	Scope   auth.Scope
	Serve   func(*Call) error
	Query   []string
	// Beside is true on the main listener where operators have their own: that
	// one has the routes for operators, and this one has not.
	Beside bool
}

// Public reports whether the route is answered without a key: the console's files;
// probes that need no right, unless probes are to be kept from strangers, too;
// and OPTIONS, which a browser sends before a page can say its key. Other requests that no
// route takes need a key like all others.
func (rt *Route) Public(probeAuth bool) bool {
	return rt.Method == http.MethodOptions || rt.Kind == Page || rt.Kind == Probe && rt.Scope == auth.None && !probeAuth
}

// Changes reports whether a call of the route, if it is served, changes a config,
// removes something, or changes how the server runs.
func (rt *Route) Changes() bool {
	return rt.Kind.confirmed() || rt.Kind == Data && rt.Scope&(auth.AdminWrite|auth.Delete) != 0
}

// Acts reports whether a call of the route, if it is served, does something that stays
// done: it changes something, or it writes. Then no refusal may take the place of its
// answer.
func (rt *Route) Acts() bool { return rt.Changes() || rt.Scope&auth.Write != 0 }

// looks reports whether calls of the route only look at the server.
func (rt *Route) looks() bool {
	return rt.Kind == AdminRead || rt.Kind == Telemetry && rt.Pattern != Unmatched
}

// Unmatched labels requests outside the route table.
const Unmatched = "none"
