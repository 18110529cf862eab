package catalog

import (
	"context"
	"net/http"
	"strings"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/listing"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// topicQuery is a listing of topics.
type topicQuery struct {
	topics.Selection
	prefix string
	by     topics.SortKey
	down   bool // the greatest first
}

// readTopicQuery reads which topics are listed, and how.
func readTopicQuery(c *call.Call, p *wire.Params) topicQuery {
	q := topicQuery{prefix: p.Get("prefix")}
	q.Prefixes = c.Key.Within(q.prefix)
	q.Contains = p.Get("contains")
	if n := len(q.Contains); n > record.MaxName {
		p.Refuse("contains", "has %d bytes; at most %d are allowed, as many as a name has", n, record.MaxName)
	}
	q.Type = record.Type(p.OneOf("type", "", string(record.TypeLog), string(record.TypeQueue)))
	if class := p.OneOf("class", "", record.ClassNames[:]...); class != "" && p.Err() == nil {
		q.Class = new(record.Class)
		*q.Class, _ = record.ParseClass(class)
	}
	q.by, q.down = listing.ReadSort(p, topics.SortName, topics.SortBytes, topics.SortRecords, topics.SortWriteRate, topics.SortLastWrite)
	return q
}

// plain reports whether the listing is one of names in their order, in which a page can be
// found without a look at the others.
func (q *topicQuery) plain() bool {
	return q.by == topics.SortName && !q.down && q.Contains == "" && q.Type == "" && q.Class == nil
}

// listing is what a cursor of this query belongs to. Keys that see other names have others.
func (q *topicQuery) listing() string {
	class := ""
	if q.Class != nil {
		class = q.Class.String()
	}
	return strings.Join([]string{
		"topics", strings.Join(q.Prefixes, " "), q.prefix, q.Contains, string(q.Type), class, string(q.by), listing.Direction(q.down),
	}, "\x00")
}

// TopicRow is one row of a listing. The rates are per second, over the last minute.
type TopicRow struct {
	Topic             string         `json:"topic"`
	Type              record.Type    `json:"type"`
	HeadSeq           uint64         `json:"head_seq"`
	EarliestSeq       uint64         `json:"earliest_seq"`
	Count             int64          `json:"count"`
	Bytes             int64          `json:"bytes"`
	Durable           bool           `json:"durable"`
	Durability        record.Class   `json:"durability"`
	EffectivePriority int64          `json:"effective_priority"`
	WriteRate         float64        `json:"write_rate"`
	WriteBytesRate    float64        `json:"write_bytes_rate"`
	ReadRate          float64        `json:"read_rate"`
	LastWriteTS       *int64         `json:"last_write_ts"`
	Subscribers       int            `json:"subscribers"`
	Caps              capsView       `json:"caps"`
	Queue             *queues.Counts `json:"queue,omitempty"`
	*jobRates
}

// capsView is what bounds a topic.
type capsView struct {
	CapRecords int64          `json:"cap_records"`
	CapBytes   int64          `json:"cap_bytes"`
	TTLMS      int64          `json:"ttl_ms"`
	Discard    record.Discard `json:"discard"`
}

// jobRates are the rates that only a queue has.
type jobRates struct {
	ClaimRate float64 `json:"claim_rate"`
	AckRate   float64 `json:"ack_rate"`
	NackRate  float64 `json:"nack_rate"`
}

func viewListed(st *topic.State, a topic.Activity) TopicRow {
	v := TopicRow{
		Topic: st.Name, Type: st.Config.Type,
		HeadSeq: st.Head, EarliestSeq: st.Earliest, Count: st.Count, Bytes: st.Bytes,
		Durable: st.Config.Durable(), Durability: st.Config.Durability,
		EffectivePriority: st.EffectivePriority,
		WriteRate:         a.Writes, WriteBytesRate: a.WriteBytes, ReadRate: a.Reads,
		LastWriteTS: orNever(st.LastWrite),
		Subscribers: a.Subscriptions,
		Caps:        capsView{st.Config.CapRecords, st.Config.CapBytes, st.Config.TTLMS, st.Config.Discard},
		Queue:       queues.CountsOf(st.Queue),
	}
	if st.Config.Type == record.TypeQueue {
		v.jobRates = &jobRates{a.Claims, a.Acks, a.Nacks}
	}
	return v
}

// topicsPage is a page of topics on the wire.
type topicsPage struct {
	Topics     []TopicRow `json:"topics"`
	Total      int        `json:"total"`
	NextCursor string     `json:"next_cursor,omitempty"`
}

// ListTopics answers a page of the topics that the key sees.
func (h *Handlers) ListTopics(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	size := p.PageSize()
	q := readTopicQuery(c, &p)
	if p.Err() != nil {
		return p.Err()
	}
	if size, err = c.TakePage(size, h.Engine().Totals().Topics, TopicRowCost); err != nil {
		return err
	}
	var page *topicsPage
	if q.plain() {
		page, err = h.listNames(c, &q, &p, size)
	} else {
		page, err = h.listSorted(c, &q, &p, size)
	}
	if err != nil {
		return err
	}
	wire.WriteJSON(c, http.StatusOK, page)
	return nil
}

// listNames answers a page in the order of the names.
func (h *Handlers) listNames(c *call.Call, q *topicQuery, p *wire.Params, size int) (*topicsPage, error) {
	var after string
	var err error
	if p.Has("cursor") {
		if after, err = wire.ParseCursor(q.prefix, p.Get("cursor")); err != nil {
			return nil, err
		}
	}
	engine := h.Engine()
	states, more := call.PageWithin(c.Key, q.prefix, after, size, engine.List)
	page := &topicsPage{Topics: make([]TopicRow, len(states)), Total: engine.CountTopics(q.Prefixes)}
	for i := range states {
		page.Topics[i] = viewListed(&states[i], engine.Activity(states[i].Name))
	}
	if more && len(states) > 0 {
		page.NextCursor = wire.FormatCursor(q.prefix, states[len(states)-1].Name)
	}
	return page, nil
}

// listSorted answers a page in an order that is made once for all pages.
func (h *Handlers) listSorted(c *call.Call, q *topicQuery, p *wire.Params, size int) (*topicsPage, error) {
	engine := h.Engine()
	l := &listing.Sorted{
		Orders:  h.Orders,
		Size:    size,
		Listing: q.listing(),
		All:     engine.CountTopics(q.Prefixes),
		Sort: func(ctx context.Context) ([]string, error) {
			return engine.SortTopics(ctx, &q.Selection, q.by, q.down)
		},
	}
	rows, order, err := listing.Turn(c, p, l, func(name string) (TopicRow, bool) {
		st, err := engine.State(name, false)
		if err != nil { // deleted since
			return TopicRow{}, false
		}
		return viewListed(&st, engine.Activity(name)), true
	})
	if err != nil {
		return nil, err
	}
	return &topicsPage{rows, len(order.Names), l.Next}, nil
}

// TopicRowCost is the memory that a row takes until the page is rendered, in bytes: the
// state, its view, and their JSON in several buffers.
const TopicRowCost = 4 << 10
