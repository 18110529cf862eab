package damage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/e6e95bb8/topics/api/client"
)

// breach is one broken promise.
type breach struct {
	promise promise
	words   string
}

// promise is the promise that was broken.
type promise string

const (
	silent    promise = "lost silently"
	reused    promise = "seqs given twice"
	altered   promise = "bytes altered"
	undeleted promise = "deletes undone"
	forgotten promise = "keys forgotten"
	disagreed promise = "disagreements"
	wordless  promise = "refused without words"
	stuck     promise = "not mended"
)

var promises = []promise{silent, reused, altered, undeleted, forgotten, disagreed, wordless, stuck}

// span is a range of seqs, both inclusive.
type span struct{ from, to uint64 }

// view is a read of a topic from its beginning.
type view struct {
	missing bool // there is no such topic
	records map[uint64]entry
	gaps    []span // of tombstones
	crashes []span // those of them with the reason crash
	unread  []span // these reads were answered 500
	head    uint64
}

const (
	pageRecords = 1000
	pageBytes   = 8 << 20
	// skip is how far a reader jumps over what it is refused.
	skip = 64
)

// look reads a topic to its end.
func look(ctx context.Context, c *client.Client, topic string) (*view, error) {
	v := &view{records: map[uint64]entry{}}
	for from := uint64(0); ; {
		b, err := c.Diff(ctx, topic, client.Query{From: from, Limit: pageRecords, MaxBytes: pageBytes, IncludeTags: true})
		var answer *client.Error
		switch {
		case err == nil:
		case client.IsCode(err, client.CodeTopicNotFound):
			v.missing = true
			return v, nil
		case errors.As(err, &answer) && answer.Status == http.StatusInternalServerError:
			if v.head == 0 {
				s, err := c.State(ctx, topic)
				if err != nil {
					return nil, err
				}
				v.head = s.HeadSeq
			}
			to := min(from+skip, v.head)
			v.unread = append(v.unread, span{from + 1, to})
			if from = to; from >= v.head {
				return v, nil
			}
			continue
		default:
			return nil, fmt.Errorf("read %s after %d: %w", topic, from, err)
		}
		if t := b.Tombstone; t != nil {
			gap := span{t.GapFrom, t.GapTo}
			v.gaps = append(v.gaps, gap)
			if t.Reason == "crash" {
				v.crashes = append(v.crashes, gap)
			}
		}
		for i := range b.Records {
			r := &b.Records[i]
			e := entry{sum: sumOf(r.Data)}
			if r.Tag != nil {
				e.tag = *r.Tag
			}
			v.records[r.Seq] = e
		}
		if v.head = b.HeadSeq; b.CaughtUp {
			return v, nil
		}
		if b.NextFrom <= from {
			return nil, fmt.Errorf("read %s after %d: the next read begins at %d, which is no further", topic, from, b.NextFrom)
		}
		from = b.NextFrom
	}
}

func covers(spans []span, seq uint64) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.from <= seq && seq <= s.to })
}

// rule is how strictly a view is held against the book.
type rule int

const (
	// whole: nothing was damaged. What the class promises after a kill is there.
	whole rule = iota
	// kept: the server serves what it found by itself. It may have taken the
	// damage for what a power cut leaves, which costs nothing of class fsync.
	kept
	// mendedRule: a repair has given up what was damaged, deletes included.
	mendedRule
)

// hold holds what a reader gets against what was promised. What a router wrote
// meanwhile becomes part of the book.
func (p *pages) hold(v *view, by rule) (found []breach) {
	add := func(what promise, format string, a ...any) {
		found = append(found, breach{what, fmt.Sprintf("topic %s: ", p.name) + fmt.Sprintf(format, a...)})
	}
	if v.missing {
		if !p.loose && (by < mendedRule || p.traced && p.class != ephemeral) {
			add(silent, "the topic is not there, with %d records", len(p.records)-len(p.deleted))
		}
		return found
	}
	var gone, back []uint64
	for seq, e := range p.records {
		got, there := v.records[seq]
		switch {
		case there && got != e:
			add(altered, "seq %d has other bytes than were acked", seq)
		case there && p.deleted[seq]:
			back = append(back, seq)
		case !there && !p.deleted[seq] && !p.excused(v, seq, by):
			gone = append(gone, seq)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		add(silent, "%d records are gone, seqs %d to %d (head %d, tombstones %v)", len(gone), gone[0], gone[len(gone)-1], v.head, v.gaps)
	}
	if strict := p.class == fsync || p.class == disk && len(v.crashes) == 0; len(back) > 0 && strict && by < mendedRule && !p.loose {
		slices.Sort(back)
		add(undeleted, "%d deleted records are back, seqs %d to %d", len(back), back[0], back[len(back)-1])
	}
	for seq, e := range v.records {
		if _, known := p.records[seq]; known {
			continue
		}
		if !p.routed && by < mendedRule && !p.loose {
			add(altered, "seq %d has a record that nobody wrote", seq)
		}
		p.records[seq] = e
	}
	return found
}

// excused reports whether a record need not be there.
func (p *pages) excused(v *view, seq uint64, by rule) bool {
	if covers(v.crashes, seq) {
		switch by {
		case whole:
			return !p.class.survives()
		case kept:
			return p.class != fsync
		}
	}
	return covers(v.gaps, seq) || covers(v.unread, seq)
}
