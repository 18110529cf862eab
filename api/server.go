// Package api is the HTTP face of the server: the route table, the course that
// each request takes, and the streams of those who watch. The handlers of each
// subject are in a package of their own, which the server gives what they need
// of it; see Server.
package api

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/admin"
	"github.com/e6e95bb8/topics/api/audit"
	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/catalog"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/http1"
	"github.com/e6e95bb8/topics/api/listing"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/records"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/socket"
	"github.com/e6e95bb8/topics/api/telemetry"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
)

// Engine is what the data routes need. Everything a client can act on comes back as
// a *record.Error; context errors pass through.
type Engine interface {
	Topics
	catalog.Routing
	queues.Queues
}

// Parts is an Engine that is made of the topics registry, of what makes its routers and
// of what serves its queues.
type Parts struct {
	Topics
	catalog.Routing
	queues.Queues
}

// PartsOf returns the parts of a registry.
func PartsOf(r *topics.Registry) Parts { return Parts{r, r.Routing(), r.Queues()} }

// Topics is what the routes of topics need of the topics registry.
type Topics interface {
	catalog.Topics
	records.Records
	Pressure() float64
	Busiest(n int) (page []topics.TopicGauge, truncated bool)
	watch.Engine
}

// Options is what a Server is made of. Gate and Health are required, the rest
// has a usable zero value.
type Options struct {
	Version string
	NodeID  string
	Gate    probes.Gate
	Health  probes.Health
	Limits  wire.Limits // zero fields take their defaults
	Log     zerolog.Logger
	// Audit gets the audit lines. If it is nil, Log gets them.
	Audit *zerolog.Logger
	// WAL reads the log's counters; nil until there is a log. It must be cheap
	// and safe to call at any time after Open.
	WAL func() wal.Stats
	// Position is where the log was when the health checks looked last. Probes
	// ask it, so it must take no lock of the log.
	Position func() probes.LogPosition
	// Disk is the space in the data directory's file system, as the health
	// checks saw it last; zeros before that.
	Disk func() (free, total uint64)
	// Storage is used by the admin routes. It may be nil.
	Storage admin.Storage
	// Backups returns the last backups as /v0/admin/backups shows them. It may be
	// nil, and answers before there is data.
	Backups func() any
	// LastBackup returns when the last good backup ended, in Unix seconds; 0 if there
	// was none. It may be nil, and answers before there is data.
	LastBackup func() float64
	// BackupVerified notes that a copy of the backup with this through_ts was checked
	// and has no fault, and returns when that was, or admin.ErrNoBackup. It may be nil.
	BackupVerified func(throughTS int64) (time.Time, error)
	// LastVerified is as LastBackup, of the last BackupVerified.
	LastVerified func() float64
	// Report is the last recovery's report as /v0/recovery shows it; it is
	// marshalled to JSON. It answers nil while there is none. What it names
	// is to be only what sees says yes to.
	Report func(sees func(x string) bool) any
	// Recovered is what the metrics have of the last recovery; it answers nil
	// while there is none.
	Recovered func() *metrics.Recovered
	// Config is the effective configuration with secrets left out, as
	// /actuator/info shows it.
	Config map[string]any
	// Keys are the API keys at the start. Without any, every caller may do
	// everything. ReplaceKeys changes them.
	Keys *auth.Keys
	// Hosts are the names, in lower case, that the server is called by beside
	// localhost and its addresses. Without keys a request to another name is
	// refused.
	Hosts []string
	// ProbeAuth makes the probes need a key, too.
	ProbeAuth bool
	// Descriptors is how many file descriptors are open; nil if that is unknown.
	Descriptors func() int64
	// OpsApart moves metrics and admin routes from the main listener to the
	// operators', OpsServer. All other routes are on both.
	OpsApart bool
	// CORSOrigins are the origins whose pages may use the API, "*" for all;
	// none: no page of another origin may.
	CORSOrigins []string
	// Now is the clock of timestamps and uptime; nil means time.Now.
	Now func() time.Time
}

// Server answers every route. Make one with New, give it the engine with Open
// once recovery is through, and serve HTTPServer.
type Server struct {
	opts    Options
	open    *auth.Key              // everybody's, where there are no keys
	engine  atomic.Pointer[Engine] // nil until Open
	traffic *traffic
	trail   *audit.Trail
	// ctx ends with StopServing: long polls answer what they have. It is not
	// the requests' base context, because a write that is waiting for its sync
	// must be finished, not abandoned.
	ctx       context.Context
	cancel    context.CancelFunc
	main      *listener
	ops       *listener // nil: the main one serves everything
	metrics   *metrics.Set
	bounds    call.Bounds
	conns     *conns.Set
	sockets   *socket.Set
	watches   watches
	loops     *eventloop.Group // of the connections that write one record after the other
	crew      crew             // of the streams that have no goroutine
	workers   workers
	admin     admin.Handlers
	probes    probes.Handlers
	telemetry *telemetry.Handlers
	sessions  session.Handlers
	catalog   catalog.Handlers
	records   records.Handlers
	queues    queues.Handlers
	orders    *listing.Orders // of sorted listings
}

// New makes a server that answers probes at once and data routes once it is
// given its engine.
func New(opts Options) *Server {
	opts.Limits = opts.Limits.WithDefaults()
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Server{opts: opts, open: auth.Open(), traffic: newTraffic(), loops: http1.NewLoops()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	trail := opts.Log
	if opts.Audit != nil {
		trail = *opts.Audit
	}
	s.trail = audit.New(trail, opts.Now, &s.bounds)
	s.conns = conns.NewSet(opts.Log)
	s.conns.Refuse = s.refuseRaw
	s.bounds.Set(s.ctx, &call.Options{Limits: &s.opts.Limits, Keys: opts.Keys, Origins: opts.CORSOrigins, Conns: s.conns})
	s.bounds.Finish = s.finish
	s.orders = listing.NewOrders(opts.Limits.MaxInflightBytes/16,
		s.bounds.Own().Reserve, s.bounds.Own().Release)
	if process := opts.Limits.ProcessBytes; process > 0 {
		s.conns.SetBounds(conns.Bounds{Requests: int(process / 8 / call.CallCost), Unread: process / 16})
	}
	s.watches = newWatches()
	s.metrics = metrics.New(s.endpoints(), metrics.Endpoint{Route: call.Unmatched, Method: "other"})
	s.probes = probes.Handlers{
		Version: opts.Version, NodeID: opts.NodeID, Gate: opts.Gate, Health: opts.Health,
		Engine: func() probes.Engine { return s.opened() }, Refusal: s.refusal,
		Position: opts.Position, Report: opts.Report, Config: opts.Config, Now: opts.Now, Start: opts.Now(),
	}
	s.admin = admin.Handlers{
		Storage: opts.Storage, Backups: opts.Backups, Verified: opts.BackupVerified,
		Gate: opts.Gate, Health: opts.Health, Bounds: &s.bounds, Limits: &s.opts.Limits, Serving: s.ctx,
	}
	s.telemetry = telemetry.New(telemetry.Source{
		Set: s.metrics, Probes: &s.probes, Bounds: &s.bounds, Limits: &s.opts.Limits, Conns: s.conns, Loops: s.loops,
		Engine: func() telemetry.Engine { return s.opened() }, Storage: opts.Storage, WAL: opts.WAL, Recovered: opts.Recovered,
		Disk: opts.Disk, Descriptors: opts.Descriptors, LastBackup: opts.LastBackup, LastVerified: opts.LastVerified,
		Sessions: s.following, Now: opts.Now,
	})
	s.catalog = catalog.Handlers{Engine: func() catalog.Engine { return s.opened() }, Orders: s.orders}
	s.records = records.Handlers{
		Engine: func() records.Engine { return s.opened() },
		Bounds: &s.bounds, Limits: &s.opts.Limits, Metrics: s.metrics, Serving: s.ctx, Now: opts.Now,
	}
	s.queues = queues.Handlers{
		Engine: func() queues.Engine { return s.opened() }, Refusal: s.refusal,
		Bounds: &s.bounds, Limits: &s.opts.Limits, Metrics: s.metrics, Serving: s.ctx,
	}
	s.sockets = socket.New(socket.Options{
		Engine: func() socket.Engine { return s.opened() }, Refusal: s.refusal, Bounds: &s.bounds, Limits: &s.opts.Limits,
		Metrics: s.metrics, Queues: &s.queues, Trail: s.trail, Frames: s.frames, MakeRoom: func() { s.sessions.Tables.EndStalled() },
		Loops:   s.loops,
		Serving: s.ctx, Log: opts.Log, Now: opts.Now,
	})
	s.sessions = session.Handlers{
		Tables: session.Tables{&s.watches, &s.workers, s.sockets}, Engine: func() session.Engine { return s.opened() },
	}
	s.main = newListener(s, opts.OpsApart)
	if opts.OpsApart {
		s.ops = newListener(s, false)
	}
	return s
}

// Open gives the server its engine: from now on data routes are answered if
// the gate says so. It may be called once.
func (s *Server) Open(e Engine) { s.engine.Store(&e) }

// opened returns the engine, or nil before Open.
func (s *Server) opened() Engine {
	if e := s.engine.Load(); e != nil {
		return *e
	}
	return nil
}

// ServeHTTP implements http.Handler for the main listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.main.ServeHTTP(w, r) }

// HTTPServer is the server on the wire: HTTP/1.1 and HTTP/2 cleartext on one
// port, with every wait for a client bounded. Its Shutdown ends long polls, too.
func (s *Server) HTTPServer() *http1.Server {
	srv := s.httpServer(s)
	srv.RegisterOnShutdown(s.cancel)
	return srv
}

// OpsServer is the operator's listener on the wire; nil unless it is apart.
func (s *Server) OpsServer() *http1.Server {
	if s.ops == nil {
		return nil
	}
	return s.httpServer(s.ops)
}

func (s *Server) httpServer(h http.Handler) *http1.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	protocols.SetHTTP2(true) // by ALPN, where the listener serves TLS
	l := s.opts.Limits
	srv := &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: l.HeaderTimeout,
		ReadTimeout:       l.BodyTimeout,
		WriteTimeout:      l.WriteTimeout,
		IdleTimeout:       l.IdleTimeout,
		MaxHeaderBytes:    l.MaxHeader,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			// A stream whose client takes nothing is reset after WriteTimeout;
			// this is the same for a connection that takes nothing, resets
			// included.
			WriteByteTimeout:              l.WriteTimeout,
			MaxReceiveBufferPerConnection: receiveBuffer,
			MaxReceiveBufferPerStream:     receiveBuffer,
		},
		ErrorLog: slog.NewLogLogger(zerolog.NewSlogHandler(s.opts.Log), slog.LevelDebug),
	}
	s.conns.Configure(srv)
	door := http1.New(srv)
	door.Brief, door.Loops = brief, s.loops
	return door
}

// brief reports whether a request is a write of records.
func brief(r *http.Request) bool {
	topic, ok := strings.CutPrefix(r.URL.Path, "/v0/topics/")
	return ok && r.Method == http.MethodPost && topic != "" && !strings.Contains(topic, "/")
}

// ObserveGroup counts one sync of the log. It is for wal.Options.Observe.
func (s *Server) ObserveGroup(g wal.Group) { s.metrics.ObserveGroup(g) }

// KeepHistory reads the server's counters once a second until ctx ends. The
// history and the rates that operators see come of it. It may run once.
func (s *Server) KeepHistory(ctx context.Context) { s.telemetry.Keep(ctx) }

// KeepAudit writes the lines of the audit trail that wait for the end of a minute, until
// ctx ends, and then all of them. It may run once. ctx is to end after the last answer.
func (s *Server) KeepAudit(ctx context.Context) { s.trail.Keep(ctx) }

// following counts the watch sessions, streams and WebSockets that are open.
func (s *Server) following() (sessions, streams, sockets int64) {
	sessions, streams = s.watches.counts()
	return sessions, streams + s.workers.count(), s.sockets.Count()
}

// observeDelivery counts records that were just handed to clients that waited
// for them. ts is when the first of them was appended, in Unix milliseconds.
func (s *Server) observeDelivery(ts int64, clients int) {
	s.metrics.ObserveDelivery(s.opts.Now().UnixMilli()-ts, clients)
}

// Listen makes a listener for the HTTP servers that keeps to the bound on
// connections and outlives a shortage of the system.
func (s *Server) Listen(l net.Listener) net.Listener { return s.conns.Listen(l) }

// StopListening closes the listeners without cutting off the clients that have
// connected; see conns.Set.Finish. It must be called before Shutdown.
func (s *Server) StopListening(ctx context.Context) { s.conns.Finish(ctx) }

// SetMaxConnections changes how many connections there may be, WebSockets
// among them.
func (s *Server) SetMaxConnections(n int) { s.conns.SetBound(n) }

// Connections are those that are open, WebSockets among them.
func (s *Server) Connections() conns.Stats { return s.conns.Stats() }

const (
	// maxStreams is how many requests one HTTP/2 connection may have in flight:
	// long polls and streams share it with writes. Each may hold an answer that
	// its client does not take, so a client that needs more opens another
	// connection.
	maxStreams = 100
	// receiveBuffer is how much of its bodies an HTTP/2 connection may send
	// before any of it is read, whatever the requests.
	receiveBuffer = 256 << 10
)
