package telemetry

import "github.com/e6e95bb8/topics/topics/topic"

const (
	// maxWithin is how many lists of prefixes the overview keeps the totals of.
	maxWithin = 64
	// withinTopics is how many topics are counted for one of them.
	withinTopics = 10_000
	// withinPage is how many of them are asked for at a time.
	withinPage = 1000
)

// withinView is the totals of the topics whose names begin with some prefixes.
type withinView struct {
	Prefixes  []string `json:"prefixes"`
	Topics    int      `json:"topics"`
	Queues    int      `json:"queue_topics"`
	Records   int64    `json:"records_live"`
	Bytes     int64    `json:"bytes_live"`
	Ready     int64    `json:"queue_ready"`
	InFlight  int64    `json:"queue_in_flight"`
	Delayed   int64    `json:"queue_delayed"`
	Truncated bool     `json:"truncated"` // there are more topics than were counted
}

// within adds up what there is of the topics within prefixes.
func (h *Handlers) within(prefixes []string) *withinView {
	v := &withinView{Prefixes: append([]string{}, prefixes...)}
	e := h.Engine()
	if e == nil {
		return v
	}
	for _, prefix := range prefixes {
		for after, more := "", true; more; {
			if v.Topics >= withinTopics {
				v.Truncated = true
				return v
			}
			var page []topic.State
			page, more = e.List(prefix, after, withinPage)
			for i := range page {
				v.add(&page[i])
				after = page[i].Name
			}
			more = more && len(page) > 0
		}
	}
	return v
}

func (v *withinView) add(st *topic.State) {
	v.Topics++
	v.Records += st.Count
	v.Bytes += st.Bytes
	if q := st.Queue; q != nil {
		v.Queues++
		v.Ready, v.InFlight, v.Delayed = v.Ready+q.Ready, v.InFlight+q.InFlight, v.Delayed+q.Delayed
	}
}
