package jobs

import (
	"context"
	"fmt"
	"strings"

	"github.com/e6e95bb8/topics/api/client"
)

// conclude collects the evidence and judges it.
func (d *drill) conclude(ctx context.Context) error {
	e := &d.evidence
	e.written, e.slack = d.producer.all, clockSlack.Nanoseconds()
	e.killed = make(map[string]int64)
	for _, m := range d.crew.members() {
		lines, err := readJournal(m.file, m.name)
		if err != nil {
			return err
		}
		e.lines = append(e.lines, lines...)
		if m.killed != 0 {
			e.killed[m.name] = m.killed
		}
	}
	e.dead = make(map[class]map[int]int)
	for _, c := range classes {
		numbers, err := d.letters(ctx, c)
		if err != nil {
			return err
		}
		e.dead[c] = numbers
	}
	d.verdict = judge(e)
	return nil
}

// letters returns how often each job is in the dead-letter topic of a class,
// which does not exist if no job was given up.
func (d *drill) letters(ctx context.Context, c class) (map[int]int, error) {
	numbers := make(map[int]int)
	for q := (client.Query{Limit: 1000}); ; {
		page, err := d.api.Diff(ctx, c.dead(), q)
		if client.IsCode(err, client.CodeTopicNotFound) {
			return numbers, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range page.Records {
			r := &page.Records[i]
			number, err := numberOf(r.Data)
			if err != nil || !strings.Contains(string(r.Meta), `"$dead_letter_reason":"poison"`) {
				return nil, fmt.Errorf("dead letter %d of %s: %s, meta %s: %w", r.Seq, c.queue(), r.Data, r.Meta, err)
			}
			numbers[number]++
		}
		if q.From = page.NextFrom; page.CaughtUp {
			return numbers, nil
		}
	}
}
