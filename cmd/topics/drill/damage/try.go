package damage

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/recovery/manifest"
)

// outcome is the end of a damaged directory.
type outcome string

const (
	// sound: verify finds nothing, and the server serves.
	sound outcome = "sound"
	// served: verify finds faults, and the server serves and heals them.
	served outcome = "served"
	// mendedLater: the server serves, and a repair was needed afterwards.
	mendedLater outcome = "served, repaired"
	// claimed: the server was refused because of the mark that says whose the
	// cold directory is, and serves after that was removed, as it advised.
	claimed outcome = "refused, claimed"
	// mendedFirst: the server was refused, and the repair led back.
	mendedFirst outcome = "refused, repaired"
	// unproven: frames are missing of which nothing is left that proves them.
	unproven outcome = "not provable"
	broken   outcome = "broken"
)

var outcomes = []outcome{sound, served, mendedLater, claimed, mendedFirst, unproven, broken}

// try damages one directory and follows what comes of it.
type try struct {
	place
	number int
	scene  *scene
	moment int
	rng    *rand.Rand

	book     book
	kind     kind
	words    string // what was damaged
	missing  bool   // in a way that nothing proves
	rule     rule
	writes   int
	way      outcome
	claimed  bool
	findings []breach
}

func (t *try) add(what promise, format string, a ...any) {
	t.findings = append(t.findings, breach{what, fmt.Sprintf(format, a...)})
}

// run makes the try. A broken promise is a finding; an error means that the
// drill itself cannot go on.
func (t *try) run(ctx context.Context) error {
	m := t.scene.moments[t.moment]
	t.book = m.book.clone()
	t.writes = 1_000_000
	if err := copyTree(m.dir, t.dir); err != nil {
		return err
	}
	h := &harmer{rng: t.rng, dir: t.dir}
	for _, o := range t.scene.moments[:t.moment] {
		h.older = append(h.older, o.dir)
	}
	var err error
	if t.kind, t.words, err = h.run(); err != nil {
		return err
	}
	if t.rule = kept; t.kind == none && m.settled {
		t.rule = whole
	}
	end, missing, err := t.unprovable(m.log)
	if err != nil {
		return err
	}
	if t.missing = missing; missing {
		t.book.excuse(m.log, end)
	}
	if err := t.trace(m.log, t.book); err != nil {
		return err
	}
	return t.follow(ctx)
}

// follow does as an operator: verify, start, and repair if either
// says so.
func (t *try) follow(ctx context.Context) error {
	before, err := t.verify(ctx)
	if err != nil {
		t.add(stuck, "verify: %v", err)
		return ctx.Err()
	}
	refusal, unreadable := t.live(ctx)
	if t.rule == whole && (before.code != 0 || refusal != "") {
		t.add(disagreed, "nothing was damaged; verify: %s; start: %s", before.words, refusal)
	}
	if refusal != "" {
		t.way = mendedFirst
		t.refused(before, refusal)
		t.mend(ctx)
		return ctx.Err()
	}
	if unreadable && before.code == 0 {
		t.add(disagreed, "verify finds nothing, and reads are answered 500")
	}
	if t.way = sound; before.code != 0 {
		t.way = served
	}
	after, err := t.verify(ctx)
	if err != nil {
		t.add(stuck, "verify: %v", err)
		return ctx.Err()
	}
	if after.code != 0 {
		t.way = mendedLater
		t.mend(ctx)
		return ctx.Err()
	}
	if unreadable {
		t.add(disagreed, "reads were answered 500, and verify finds nothing afterwards")
	}
	if refusal, _ := t.live(ctx); refusal != "" {
		t.add(stuck, "a server that had served is refused after kill -9: %s", refusal)
	}
	return ctx.Err()
}

// refused judges a refusal.
func (t *try) refused(v verdict, refusal string) {
	if v.code != 1 {
		t.add(disagreed, "the start is refused (%s), and verify ends with %d: %s", refusal, v.code, v.words)
	}
	t.worded(refusal)
}

// worded judges the words of a refusal.
func (t *try) worded(refusal string) {
	if !t.names(refusal) || !advises(refusal) {
		t.add(wordless, "the refusal does not name a file and what to do: %s", refusal)
	}
}

// names reports whether a message names a file of the directory.
func (t *try) names(message string) bool {
	if strings.Contains(message, t.dir) || strings.Contains(message, "MANIFEST") {
		return true
	}
	return slices.ContainsFunc([]string{".wal", ".state", ".seg", ".idx"}, func(suffix string) bool { return strings.Contains(message, suffix) })
}

// advises reports whether a message contains advice.
func advises(message string) bool {
	return slices.ContainsFunc([]string{"topics repair", "topics verify", "topics restore", "remove"}, func(advice string) bool { return strings.Contains(message, advice) })
}

// mend repairs the directory and holds it to everything again.
func (t *try) mend(ctx context.Context) {
	m, err := t.repair(ctx)
	switch {
	case err != nil:
		t.add(stuck, "repair: %v", err)
		return
	case m.code != 0:
		t.add(stuck, "repair ends with %d: %s", m.code, m.words)
		return
	case !m.Changed:
		t.add(disagreed, "the server or verify finds damage, and repair changes nothing")
		return
	}
	t.rule = mendedRule
	after, err := t.verify(ctx)
	if err != nil || after.code != 0 {
		t.add(stuck, "verify after the repair: %s, %v", after.words, err)
		return
	}
	for _, when := range []string{"after the repair", "once more after the repair"} {
		refusal, unreadable := t.live(ctx)
		if refusal != "" {
			t.add(stuck, "the start is refused %s: %s", when, refusal)
			return
		}
		if unreadable {
			t.add(stuck, "reads are answered 500 %s", when)
		}
	}
}

// live starts the server, holds every topic against the book, writes more, and
// kills it. It returns why the start was refused.
func (t *try) live(ctx context.Context) (refusal string, unreadable bool) {
	b, err := t.start(ctx)
	if err == nil && t.cold && strings.Contains(b.refusal, manifest.OwnerName) {
		if err = t.claim(b.refusal); err == nil {
			b, err = t.start(ctx)
		}
	}
	if err != nil {
		t.add(stuck, "start: %v", err)
		return "", false
	}
	defer b.kill()
	if b.refusal != "" {
		return b.refusal, false
	}
	if unreadable, err = t.check(ctx, b); err != nil {
		t.add(stuck, "%v", err)
	}
	return "", unreadable
}

// claim takes a cold directory that has another owner according to its file, or
// none: only the operator can know the owner, so that is no damage to repair.
func (t *try) claim(refusal string) error {
	t.worded(refusal)
	t.claimed = true
	mark := filepath.Join(t.coldDir(), manifest.OwnerName)
	differs, err := differ(mark, filepath.Join(t.scene.moments[t.moment].coldDir(), manifest.OwnerName))
	if err != nil {
		return err
	}
	if !differs && t.kind != mixed {
		t.add(disagreed, "the cold directory is refused, and it is the one that belongs to the data: %s", refusal)
	}
	return os.Remove(mark)
}

// check reads and writes every topic.
func (t *try) check(ctx context.Context, b *boot) (unreadable bool, err error) {
	if t.rule == mendedRule {
		if err := t.rename(ctx, b); err != nil {
			return false, err
		}
	}
	for _, name := range t.topics() {
		p := t.book[name]
		v, err := look(ctx, b.client, p.name)
		if err != nil {
			return unreadable, err
		}
		unreadable = unreadable || len(v.unread) > 0
		t.findings = append(t.findings, p.hold(v, t.rule)...)
		if v.missing || p.routed {
			continue
		}
		if t.rule < mendedRule && !p.loose {
			if err := t.repeat(ctx, b, p, v); err != nil {
				return unreadable, err
			}
		}
		t.writes++
		found, err := p.write(ctx, b.client, t.rng, t.writes, 2)
		if err != nil {
			return unreadable, err
		}
		t.findings = append(t.findings, found...)
	}
	return unreadable, nil
}

// topics are the names of the book in order.
func (t *try) topics() []string { return slices.Sorted(maps.Keys(t.book)) }

// repeat sends a write with a key again whose record is still there.
func (t *try) repeat(ctx context.Context, b *boot, p *pages, v *view) error {
	var firsts []uint64
	for first := range p.keys {
		if _, there := v.records[first]; there && !p.deleted[first] {
			firsts = append(firsts, first)
		}
	}
	if len(firsts) == 0 {
		return nil
	}
	slices.Sort(firsts)
	first := firsts[t.rng.IntN(len(firsts))]
	again, err := p.again(ctx, b.client, first)
	if err != nil {
		return err
	}
	if again != first {
		t.add(forgotten, "topic %s: the key of seq %d is forgotten, its record is not", p.name, first)
	}
	return nil
}

// rename finds the topics that came back under a name made up: those that have
// most of a topic's records.
func (t *try) rename(ctx context.Context, b *boot) error {
	most := map[*pages]int{}
	for listed, err := range b.client.Topics(ctx, "recovered-") {
		if err != nil {
			return err
		}
		v, err := look(ctx, b.client, listed.Topic)
		if err != nil {
			return err
		}
		for _, p := range t.book {
			if n := p.shared(v); n > most[p] {
				most[p], p.name = n, listed.Topic
			}
		}
	}
	return nil
}

// shared counts the records of the topic that a view has, too.
func (p *pages) shared(v *view) (n int) {
	for seq, e := range v.records {
		if known, ok := p.records[seq]; ok && known == e {
			n++
		}
	}
	return n
}

// outcome is the end of the directory.
func (t *try) outcome() outcome {
	switch {
	case len(t.findings) > 0:
		return broken
	case t.missing:
		return unproven
	case t.claimed && (t.way == sound || t.way == served):
		return claimed
	}
	return t.way
}

// String names the try.
func (t *try) String() string {
	return fmt.Sprintf("try %d (%s, %s): %s", t.number, t.sceneNumber(), t.scene.moments[t.moment].name, t.words)
}

func (t *try) sceneNumber() string { return filepath.Base(filepath.Dir(t.scene.dir)) }
