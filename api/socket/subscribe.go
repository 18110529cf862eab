package socket

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// maxGroups is how many different sets of options the subscriptions of one
// socket may have: each costs a goroutine.
const maxGroups = 16

// group is the subscriptions of a socket that have the same options: one
// session and the goroutine that runs it.
type group struct {
	socket  *Socket
	key     optionsKey
	session *watch.Session
	cancel  context.CancelFunc // ends its run
}

// subscriptions is what a socket follows. Only the reader changes it, and reads
// without the lock.
type subscriptions struct {
	mu     sync.Mutex // never held while a session is asked: sessions ask with their locks held
	groups []*group
	owners map[string]*group // of the topics that were subscribed by name
}

// optionsKey is options that can be compared.
type optionsKey struct {
	nodes                    string
	match                    record.Match
	matched                  bool
	limit, bytes             int
	heartbeat                time.Duration
	meta, tags, data, strong bool
	preview                  int
	untouched                bool
}

func keyOfOptions(o *watch.Options) optionsKey {
	k := optionsKey{
		nodes: o.NodesKey(), limit: o.Limit, bytes: o.MaxBytes, heartbeat: o.Heartbeat,
		meta: o.Meta, tags: o.Tags, data: o.Data, strong: o.Strong,
		preview: o.Preview, untouched: o.Untouched,
	}
	if o.Match != nil {
		k.match, k.matched = *o.Match, true
	}
	return k
}

// subscribe follows what a command asks for and says where each topic begins.
// A topic that is subscribed already begins again, with the options of this
// command. A subscribe that is refused changes nothing.
func (so *Socket) subscribe(cmd command, message []byte) error {
	notes := so.notes()
	w, err := decodeSubscribe(message, so.set.Limits, &notes)
	if err != nil {
		return err
	}
	if err := so.call.MayWatch(w.Watch); err != nil {
		return err
	}
	engine, err := so.engine()
	if err != nil {
		return err
	}
	for name := range w.Topics {
		_, err := engine.State(name, false)
		switch {
		case err == nil:
		case w.lenient && wire.ErrorOf(err).Status == http.StatusNotFound:
			delete(w.Topics, name)
		default:
			return err
		}
	}
	// Events wait until the client knows where they begin.
	so.out.lock()
	defer so.out.mu.Unlock()
	positions, err := so.follow(w.Watch)
	if err != nil {
		return err
	}
	return so.out.sendLocked(subscribedMessage(cmd.id, positions, &notes), nil)
}

// follow adds what is asked for to the group of its options.
func (so *Socket) follow(w *request.Watch) (map[string]watch.Position, error) {
	options := w.Options(so.set.Limits)
	g, err := so.groupOf(&options)
	if err != nil {
		return nil, err
	}
	defer so.dropEmpty()
	if err := so.roomFor(w); err != nil {
		return nil, err
	}
	positions := make(map[string]watch.Position, len(w.Topics))
	undo := func() {}
	for prefix, at := range w.Prefixes {
		again := g.session.HasPrefix(prefix)
		present, err := g.session.AddPrefix(prefix, at)
		if err != nil {
			undo()
			return nil, err
		}
		maps.Copy(positions, present)
		if before := undo; !again {
			undo = func() { before(); g.session.RemovePrefix(prefix) }
		}
	}
	// Those that the group has already come last: they cannot fail.
	names := slices.SortedFunc(maps.Keys(w.Topics), func(a, b string) int {
		return compareBool(so.subs.owners[a] == g, so.subs.owners[b] == g)
	})
	for _, name := range names {
		if positions[name], err = g.session.Add(name, w.Topics[name]); err != nil {
			undo()
			return nil, err
		}
		if before := undo; so.subs.owners[name] != g {
			undo = func() { before(); g.session.Remove(name) }
		}
	}
	for _, name := range names {
		so.ownTopic(name, g)
	}
	return positions, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// ownTopic makes g the one group that follows a topic.
func (so *Socket) ownTopic(name string, g *group) {
	so.subs.set(name, g)
	for _, other := range so.subs.groups {
		if other != g {
			other.session.Remove(name)
		}
	}
}

// unsubscribe ends following what a command names. Nothing of it comes behind
// the answer; what was not followed is not worth an error.
func (so *Socket) unsubscribe(cmd command, message []byte) error {
	notes := so.notes()
	names, prefixes, err := decodeUnsubscribe(message, 2*so.set.Limits.MaxWatchTopics, &notes)
	if err != nil {
		return err
	}
	so.out.lock()
	defer so.out.mu.Unlock()
	for _, name := range names {
		so.subs.set(name, nil)
	}
	for _, g := range so.subs.groups {
		for _, prefix := range prefixes {
			for _, p := range so.key.Within(prefix) {
				g.session.RemovePrefix(p)
			}
		}
		for _, name := range names {
			g.session.Remove(name)
		}
	}
	so.dropEmpty()
	return so.out.sendLocked(unsubscribedMessage(cmd.id, names, prefixes, &notes), nil)
}

// groupOf finds or makes the group of some options.
func (so *Socket) groupOf(o *watch.Options) (*group, error) {
	key := keyOfOptions(o)
	for _, g := range so.subs.groups {
		if g.key == key {
			return g, nil
		}
	}
	if len(so.subs.groups) == maxGroups {
		return nil, wire.Invalid("the subscriptions of a socket may have at most %d different sets of options", maxGroups)
	}
	g := &group{socket: so, key: key}
	g.session = watch.NewSession(so.set.Frames(), *o, so.set.Limits.MaxWatchTopics, g.allowed)
	g.session.TakeFrom(so.follows)
	var ctx context.Context
	ctx, g.cancel = context.WithCancel(so.ctx)
	so.subs.setGroups(append(so.subs.groups, g))
	so.tasks.Go(func() {
		defer g.session.Close()
		so.guard(func() {
			// Any other end is the socket's or the group's.
			if errors.Is(g.session.Run(ctx, g), watch.ErrNoMemory) {
				so.set.MakeRoom()
				so.dismiss(session.NoMemory())
			}
		})
	})
	return g, nil
}

// dropEmpty ends the groups that have nothing left.
func (so *Socket) dropEmpty() {
	var left []*group
	for _, g := range so.subs.groups {
		if names, prefixes := g.session.Size(); names+prefixes > 0 {
			left = append(left, g)
		} else {
			g.cancel()
		}
	}
	so.subs.setGroups(left)
}

// roomFor refuses more topics than a socket may follow. Those that come later
// by a prefix each group bounds by itself.
func (so *Socket) roomFor(w *request.Watch) error {
	most := so.set.Limits.MaxWatchTopics
	names, prefixes := so.subs.size()
	total := names + prefixes
	for name := range w.Topics {
		if so.subs.owners[name] == nil {
			total++
		}
	}
	if total+len(w.Prefixes) <= most {
		return nil
	}
	e := wire.Invalid("a socket may follow at most %d topics and prefixes", most)
	e.Detail = map[string]any{"limit": "max_watch_topics", "max": most}
	return e
}

// size is how many topics and prefixes are followed.
func (subs *subscriptions) size() (names, prefixes int) {
	subs.mu.Lock()
	groups := subs.groups
	subs.mu.Unlock()
	for _, g := range groups {
		n, p := g.session.Size()
		names, prefixes = names+n, prefixes+p
	}
	return names, prefixes
}

// sessions are those of all groups.
func (subs *subscriptions) sessions() []*watch.Session {
	subs.mu.Lock()
	defer subs.mu.Unlock()
	all := make([]*watch.Session, len(subs.groups))
	for i, g := range subs.groups {
		all[i] = g.session
	}
	return all
}

// Follows implements subject. The queues of streams of jobs count, too.
func (so *Socket) Follows(asked func(topic string) bool) bool {
	return slices.ContainsFunc(so.subs.sessions(), func(s *watch.Session) bool { return s.Follows(asked) }) ||
		slices.ContainsFunc(so.jobs.queues(), asked)
}

// queues are those of which it gets jobs.
func (so *Socket) Queues() []string { return so.jobs.queues() }

// Cursors implements subject.
func (so *Socket) Cursors() (all []watch.Cursor) {
	for _, s := range so.subs.sessions() {
		all = append(all, s.Cursors()...)
	}
	slices.SortFunc(all, func(a, b watch.Cursor) int { return strings.Compare(a.Topic, b.Topic) })
	return all
}

func (subs *subscriptions) setGroups(groups []*group) {
	subs.mu.Lock()
	defer subs.mu.Unlock()
	subs.groups = groups
}

// set stores the group that follows a topic by name, or nil.
func (subs *subscriptions) set(name string, g *group) {
	subs.mu.Lock()
	defer subs.mu.Unlock()
	switch {
	case g == nil:
		delete(subs.owners, name)
	case subs.owners == nil:
		subs.owners = map[string]*group{name: g}
	default:
		subs.owners[name] = g
	}
}

// allowed reports whether a topic may come to the group by a prefix: if the key
// sees it, and no other group follows it by name.
func (g *group) allowed(topic string) bool {
	if !g.socket.key.Sees(topic) {
		return false
	}
	subs := &g.socket.subs
	subs.mu.Lock()
	defer subs.mu.Unlock()
	owner := subs.owners[topic]
	return owner == nil || owner == g
}
