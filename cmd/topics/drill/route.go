package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

const (
	// routePatience bounds the wait for a router to catch up while the source is
	// not being written to, and routeLook is the interval between checks.
	routePatience = 30 * time.Second
	routeLook     = 5 * time.Millisecond
)

// route is one router with everything that its destination ever had, across all
// boots. The destination's class survives kills, and it has no deletions, caps
// or ttl, so that every record must stay.
type route struct {
	name, dest string
	class      class
	filter     string // prefix of tags; empty for all records
	source     *book
	findings   *findings

	mu      sync.Mutex
	content map[uint64]ident // the known content of each seq of the destination
	tally   Tally
}

// routes are the routers of one source.
type routes []*route

// newRoutes returns three routes: of all records in both classes that survive,
// and of a part.
func newRoutes(source *book, part string, f *findings) routes {
	var all routes
	for i, kind := range []struct {
		class  class
		filter string
	}{{fsync, ""}, {disk, ""}, {disk, part}} {
		all = append(all, &route{
			name: fmt.Sprintf("drill>%d", i), dest: fmt.Sprintf("drill-copy-%d", i),
			class: kind.class, filter: kind.filter, source: source, findings: f,
			content: make(map[uint64]ident),
		})
	}
	return all
}

// configure creates the destinations and the routers, before anything is
// written.
func (rs routes) configure(ctx context.Context, c *client.Client) error {
	for _, r := range rs {
		router := client.Router{Source: r.source.topic, Dest: r.dest, Guarantee: "exactly_once"}
		if r.filter != "" {
			router.Filter = []string{"tag", "Glob", r.filter + "*"}
		}
		if _, err := c.PutTopic(ctx, r.dest, configOf(r.class)); err != nil {
			return fmt.Errorf("make topic %s: %w", r.dest, err)
		}
		if _, err := c.PutRouter(ctx, r.name, router); err != nil {
			return fmt.Errorf("make router %s: %w", r.name, err)
		}
	}
	return nil
}

// check checks every destination after its source was checked.
func (rs routes) check(ctx context.Context, c *client.Client) error {
	for _, r := range rs {
		if err := errors.Join(r.await(ctx, c), r.check(ctx, c)); err != nil {
			return fmt.Errorf("check router %s: %w", r.name, err)
		}
	}
	return nil
}

// await waits until the router has nothing left to forward.
func (r *route) await(ctx context.Context, c *client.Client) error {
	for end := time.Now().Add(routePatience); ; pause(ctx, routeLook) {
		state, err := c.Router(ctx, r.name)
		if err != nil || state.Lag == 0 {
			return err
		}
		if ctx.Err() != nil || time.Now().After(end) {
			r.unexpected("the router is %d records behind, blocked: %q", state.Lag, state.Blocked)
			return ctx.Err()
		}
	}
}

// check reads the destination from its start to its head and compares it with
// the source.
func (r *route) check(ctx context.Context, c *client.Client) error {
	p := &routePass{route: r, got: make(map[uint64]bool), copied: make(map[ident]bool)}
	from, more := uint64(0), true
	for more {
		page, err := read(ctx, c, r.dest, from, 0)
		if err != nil {
			return err
		}
		more = !page.CaughtUp
		if more && page.NextFrom <= from {
			r.unexpected("a read from %d did not advance, with the head at %d", from, page.HeadSeq)
			return nil
		}
		p.add(page)
		from = page.NextFrom
	}
	p.end()
	return nil
}

// routePass is one reading of a destination.
type routePass struct {
	*route
	at     uint64          // last seq accounted for
	source uint64          // seq of the last copy's record in the source
	got    map[uint64]bool // seqs of the destination that were read
	copied map[ident]bool
}

func (p *routePass) add(page *client.Batch) {
	if t := page.Tombstone; t != nil {
		p.skip(t.GapFrom - 1)
		if t.Reason != "crash" {
			p.unexpected("a tombstone for %d..%d with the reason %q", t.GapFrom, t.GapTo, t.Reason)
		}
		p.at = max(p.at, t.GapTo)
	}
	for i := range page.Records {
		x := &page.Records[i]
		if x.Seq <= p.at {
			p.unexpected("seq %d delivered after %d", x.Seq, p.at)
			return
		}
		p.skip(x.Seq - 1)
		p.at = x.Seq
		id, ok := p.delivered(x)
		if !ok {
			continue
		}
		p.got[x.Seq] = true
		from, known := p.route.source.place(id)
		p.mu.Lock()
		p.tally.Copied++
		if p.copied[id] {
			p.tally.Duplicates++
			p.findings.addf("%s: %s index %d exists twice", p.dest, id.op, id.index)
		}
		p.copied[id] = true
		if known && from <= p.source {
			p.tally.Unexpected++
			p.findings.addf("%s: the copy of seq %d follows that of %d", p.dest, from, p.source)
		}
		if known {
			p.source = from
		}
		p.mu.Unlock()
	}
	p.skip(page.NextFrom)
}

// skip records that a page silently passed over the seqs up to last.
func (p *routePass) skip(last uint64) {
	if last > p.at {
		p.gap(p.at+1, last)
		p.at = last
	}
}

// end compares what was read with what must exist.
func (p *routePass) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for seq, id := range p.content {
		if !p.got[seq] {
			p.tally.Lost++
			p.findings.addf("%s: seq %d, a copy of %s, existed and is gone", p.dest, seq, id.op)
			delete(p.content, seq) // report it once
		}
	}
	for _, id := range p.route.source.owed(p.filter) {
		if !p.copied[id] {
			p.tally.Lost++
			p.findings.addf("%s: %s index %d was never copied", p.dest, id.op, id.index)
		}
	}
}

// delivered records that the destination has a record, which must be the same
// as ever at its seq.
func (r *route) delivered(x *client.Record) (ident, bool) {
	o, index, err := r.source.plan.recognise(x)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.tally.Damaged++
		r.findings.addf("%s: seq %d: %v", r.dest, x.Seq, err)
	}
	if o.count == 0 {
		return ident{}, false
	}
	id := ident{o.id, index}
	if !strings.HasPrefix(o.tag(), r.filter) {
		r.tally.Unexpected++
		r.findings.addf("%s: seq %d has the tag %s, which the filter excludes", r.dest, x.Seq, o.tag())
	}
	if known, ok := r.content[x.Seq]; ok && known != id {
		r.tally.Reused++
		r.findings.addf("%s: seq %d held %s index %d, now %s index %d", r.dest, x.Seq, known.op, known.index, id.op, id.index)
	}
	r.content[x.Seq] = id
	return id, true
}

// gap counts seqs that were silently passed over.
func (r *route) gap(first, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally.Gaps += int64(last - first + 1)
	r.findings.addf("%s: %d..%d neither delivered nor in a tombstone", r.dest, first, last)
}

func (r *route) unexpected(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally.Unexpected++
	r.findings.addf(r.dest+": "+format, a...)
}

// counted returns the tally so far.
func (r *route) counted() Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally
}

// place returns the seq of a promised record.
func (b *book) place(id ident) (uint64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.mu.placed[id.op]
	return at.first + uint64(id.index), ok
}

// owed returns the records that are promised and not deleted, of ops whose tag
// begins with prefix. It is accurate after a pass, while the topic is not being
// written to.
func (b *book) owed(prefix string) (all []ident) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for op, at := range b.mu.placed {
		if !strings.HasPrefix(b.plan.op(op).tag(), prefix) {
			continue
		}
		for i := range at.count {
			if !b.mu.deletions.covers(at.first+uint64(i), op) {
				all = append(all, ident{op, i})
			}
		}
	}
	return all
}
