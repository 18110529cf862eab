package top

import (
	"context"
	"iter"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

const (
	// mostBusy is how many topics a reading names.
	mostBusy = 10
	// steadily is how often history and topics are read: a step of the one, and
	// of the other a rate that is an average over a minute.
	steadily = 5 * time.Second
	// plotted is how much of the history a screen shows, in steps of its own.
	plotted = "10m"
)

// snapshot is what a server says of itself at one time.
type snapshot struct {
	stats   client.Stats
	checks  map[string]string // those that are not healthy
	past    client.History    // of the last minutes; its last step may be some seconds old
	busiest []client.Listed   // nil if they are not known
}

// server is what a source asks.
type server interface {
	Stats(ctx context.Context) (client.Stats, error)
	History(ctx context.Context, span, step string) (client.History, error)
	Checks(ctx context.Context) (map[string]client.Check, error)
	FindTopics(ctx context.Context, f client.TopicFilter) iter.Seq2[client.Listed, error]
}

// source reads what a server says of itself. It is used by one goroutine.
type source struct {
	api  server
	last snapshot  // zero before the first
	read time.Time // when history and topics were read, by the clock of the server
}

// next returns what the server says now.
func (s *source) next(ctx context.Context) (snapshot, error) {
	stats, err := s.api.Stats(ctx)
	if err != nil {
		return snapshot{}, err
	}
	now := s.last
	now.stats, now.checks = stats, s.checks(ctx, stats.Health)
	age := stats.Timestamp.Sub(s.read)
	if s.read.IsZero() || age < 0 || age >= steadily || stats.Phase != s.last.stats.Phase {
		if now.past, err = s.api.History(ctx, plotted, ""); err != nil {
			return snapshot{}, err
		}
		if now.busiest, err = s.busiest(ctx, stats.Phase); err != nil {
			return snapshot{}, err
		}
		s.read = stats.Timestamp
	}
	s.last = now
	return now, nil
}

// checks returns the checks that are not healthy.
func (s *source) checks(ctx context.Context, health string) map[string]string {
	if health == "healthy" {
		return nil
	}
	bad := map[string]string{}
	all, err := s.api.Checks(ctx)
	if err != nil {
		return map[string]string{"health": health}
	}
	for name, c := range all {
		if c.Status != "healthy" {
			bad[name] = c.Status
		}
	}
	return bad
}

// busiest returns the topics that were written to most in the last minute. A
// server that is not ready does not list any, and neither may every key.
func (s *source) busiest(ctx context.Context, phase string) ([]client.Listed, error) {
	if phase != "ready" {
		return nil, nil
	}
	all := []client.Listed{}
	for topic, err := range s.api.FindTopics(ctx, client.TopicFilter{Sort: "write_rate", Limit: mostBusy}) {
		if client.IsCode(err, client.CodeForbidden) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, topic)
	}
	return all, nil
}
