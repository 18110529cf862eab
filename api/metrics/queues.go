package metrics

import "github.com/e6e95bb8/topics/topics"

// queueSeries are the jobs of all queues.
var queueSeries = []series{
	{"topics_queue_ready", "ready", func(r *Readings) any { return r.Totals.Jobs.Ready }},
	{"topics_queue_blocked", "blocked", func(r *Readings) any { return r.Totals.Jobs.Blocked }},
	{"topics_queue_delayed", "delayed", func(r *Readings) any { return r.Totals.Jobs.Delayed }},
	{"topics_queue_leases_in_flight", "leases_in_flight", func(r *Readings) any { return r.Totals.Jobs.InFlight }},
	{"topics_queue_dead_letter_blocked", "dead_letter_blocked", func(r *Readings) any { return r.Totals.Jobs.DeadLetterBlocked }},
	{"topics_queue_claimed_total", "claimed", func(r *Readings) any { return r.Totals.Jobs.Claimed }},
	{"topics_queue_acked_total", "acked", func(r *Readings) any { return r.Totals.Jobs.Acked }},
	{"topics_queue_nacked_total", "nacked", func(r *Readings) any { return r.Totals.Jobs.Nacked }},
	{"topics_queue_extended_total", "extended", func(r *Readings) any { return r.Totals.Jobs.Extended }},
	{"topics_queue_released_total", "released", func(r *Readings) any { return r.Totals.Jobs.Released }},
	{"topics_queue_promoted_total", "promoted", func(r *Readings) any { return r.Totals.Jobs.Promoted }},
	{"topics_queue_expired_total", "expired", func(r *Readings) any { return r.Totals.Jobs.Expired }},
	{"topics_queue_dead_lettered_total", "dead_lettered", func(r *Readings) any { return r.Totals.Jobs.DeadLettered }},
	{"topics_queue_lost_total", "lost", func(r *Readings) any { return r.Totals.Jobs.Lost }},
}

// perQueueSeries are the gauges of those of the busiest topics that are queues.
var perQueueSeries = []series{
	{"topics_topic_queue_ready", "", perQueue(func(t *topics.TopicGauge) int64 { return t.Jobs.Ready })},
	{"topics_topic_queue_blocked", "", perQueue(func(t *topics.TopicGauge) int64 { return t.Jobs.Blocked })},
	{"topics_topic_queue_delayed", "", perQueue(func(t *topics.TopicGauge) int64 { return t.Jobs.Delayed })},
	{"topics_topic_queue_in_flight", "", perQueue(func(t *topics.TopicGauge) int64 { return t.Jobs.InFlight })},
	{"topics_topic_queue_dead_letter_blocked", "", perQueue(func(t *topics.TopicGauge) int64 { return t.Jobs.DeadLetterBlocked })},
	{"topics_topic_queue_oldest_ready_seconds", "", perQueue(func(t *topics.TopicGauge) float64 { return float64(t.Jobs.OldestReadyMS) / 1000 })},
}

func perQueue[T int64 | float64](value func(*topics.TopicGauge) T) func(*Readings) any {
	return func(r *Readings) any {
		var all []sample
		for i := range r.Topics {
			if t := &r.Topics[i]; t.Queue {
				all = append(all, sample{labels("topic", t.Name), value(t)})
			}
		}
		return all
	}
}

// queueJSON is the gauges of a queue; nil for a log.
type queueJSON struct {
	Ready             int64 `json:"ready"`
	Blocked           int64 `json:"blocked"`
	Delayed           int64 `json:"delayed"`
	InFlight          int64 `json:"in_flight"`
	DeadLetterBlocked int64 `json:"dead_letter_blocked"`
	OldestReadyMS     int64 `json:"oldest_ready_ms"`
}

func queueOf(t *topics.TopicGauge) *queueJSON {
	if !t.Queue {
		return nil
	}
	j := &t.Jobs
	return &queueJSON{j.Ready, j.Blocked, j.Delayed, j.InFlight, j.DeadLetterBlocked, j.OldestReadyMS}
}
