package record

import "strings"

// Type is the use of a topic.
type Type string

// The two types. A topic's type never changes.
const (
	TypeLog   Type = "log"
	TypeQueue Type = "queue"
)

// Discard is the answer of a full topic to a write.
type Discard string

// The two discard policies.
const (
	DiscardOld    Discard = "old"
	DiscardReject Discard = "reject"
)

// Config is a topic's full configuration, every field set. Durations are in
// milliseconds, sizes in payload bytes (data plus meta); 0 means off unless
// said otherwise. A Config is immutable once a topic holds it.
type Config struct {
	Type                Type    `json:"type"`
	TTLMS               int64   `json:"ttl_ms"`
	CapRecords          int64   `json:"cap_records"`
	CapBytes            int64   `json:"cap_bytes"`
	Discard             Discard `json:"discard"`
	Durability          Class   `json:"durability"`
	Priority            *int64  `json:"priority"` // nil: automatic
	AutoPriority        bool    `json:"auto_priority"`
	AutoCreate          bool    `json:"auto_create"`
	IdempotencyWindowMS int64   `json:"idempotency_window_ms"`
	DedupeNode          bool    `json:"dedupe_node"`
	LeaseMS             int64   `json:"lease_ms"`
	ClaimJitterMS       int64   `json:"claim_jitter_ms"`
	MaxDeliveries       int64   `json:"max_deliveries"`
	DeadLetter          *string `json:"dead_letter"` // or nil
	LeasesDurable       bool    `json:"leases_durable"`
	RetryBackoffMS      int64   `json:"retry_backoff_ms"`
	RetryBackoffMaxMS   int64   `json:"retry_backoff_max_ms"`
	GroupConcurrency    int64   `json:"group_concurrency"`
	Paused              bool    `json:"paused"`
}

// Durable is the contract's shorthand: is every ack a synced one.
func (c *Config) Durable() bool { return c.Durability == Fsync }

// Over is by how much the live records exceed the caps.
func (c *Config) Over(live Size) (over Size) {
	if c.CapRecords > 0 {
		over.Records = live.Records - c.CapRecords
	}
	if c.CapBytes > 0 {
		over.Bytes = live.Bytes - c.CapBytes
	}
	return over
}

// DefaultConfig returns the values of omitted fields.
func DefaultConfig() Config {
	return Config{
		Type:                TypeLog,
		Discard:             DiscardOld,
		Durability:          Disk,
		AutoPriority:        true,
		AutoCreate:          true,
		IdempotencyWindowMS: 120_000,
		DedupeNode:          true,
		LeaseMS:             30_000,
		RetryBackoffMaxMS:   3_600_000,
		GroupConcurrency:    1,
	}
}

// ConfigPatch is a config as a client sends it: a nil field was not sent.
type ConfigPatch struct {
	Type                *string
	TTLMS               *int64
	CapRecords          *int64
	CapBytes            *int64
	Discard             *string
	Durable             *bool
	Durability          *string
	Priority            **int64 // outer nil: not sent; inner nil: sent as null
	AutoPriority        *bool
	AutoCreate          *bool
	IdempotencyWindowMS *int64
	DedupeNode          *bool
	LeaseMS             *int64
	ClaimJitterMS       *int64
	MaxDeliveries       *int64
	DeadLetter          **string // outer nil: not sent; inner nil: sent as null
	LeasesDurable       *bool
	RetryBackoffMS      *int64
	RetryBackoffMaxMS   *int64
	GroupConcurrency    *int64
	Paused              *bool
}

// Apply returns base with the patch's fields laid over it, clamped where the
// contract clamps, or a KindInvalid error that names the field. The topic's
// name is needed because a queue must not be its own dead-letter topic.
// It does not know the topic's present type: the caller compares it.
func (p *ConfigPatch) Apply(base Config, topic string) (Config, error) {
	c := base
	set(&c.AutoPriority, p.AutoPriority)
	set(&c.AutoCreate, p.AutoCreate)
	set(&c.DedupeNode, p.DedupeNode)
	set(&c.LeasesDurable, p.LeasesDurable)
	set(&c.Paused, p.Paused)
	if p.Type != nil {
		c.Type = Type(*p.Type)
	}
	if p.Discard != nil {
		c.Discard = Discard(*p.Discard)
	}
	switch {
	case c.Type != TypeLog && c.Type != TypeQueue:
		return base, InvalidField("type", "%q is neither \"log\" nor \"queue\"", c.Type)
	case c.Discard != DiscardOld && c.Discard != DiscardReject:
		return base, InvalidField("discard", "%q is neither \"old\" nor \"reject\"", c.Discard)
	}
	if err := p.applyDurability(&c); err != nil {
		return base, err
	}
	for _, n := range []struct {
		name string
		dst  *int64
		src  *int64
	}{
		{"ttl_ms", &c.TTLMS, p.TTLMS},
		{"cap_records", &c.CapRecords, p.CapRecords},
		{"cap_bytes", &c.CapBytes, p.CapBytes},
		{"idempotency_window_ms", &c.IdempotencyWindowMS, p.IdempotencyWindowMS},
		{"max_deliveries", &c.MaxDeliveries, p.MaxDeliveries},
	} {
		if n.src != nil && *n.src < 0 {
			return base, InvalidField(n.name, "is %d; it must not be negative", *n.src)
		}
		set(n.dst, n.src)
	}
	c.limit()
	if p.LeaseMS != nil {
		c.LeaseMS = clamp(*p.LeaseMS, 100, 86_400_000)
	}
	if p.ClaimJitterMS != nil {
		c.ClaimJitterMS = clamp(*p.ClaimJitterMS, 0, 5000)
	}
	if p.RetryBackoffMS != nil {
		c.RetryBackoffMS = clamp(*p.RetryBackoffMS, 0, maxRetryBackoff)
	}
	if p.RetryBackoffMaxMS != nil {
		c.RetryBackoffMaxMS = clamp(*p.RetryBackoffMaxMS, 0, maxRetryBackoff)
	}
	if p.GroupConcurrency != nil {
		c.GroupConcurrency = clamp(*p.GroupConcurrency, 1, maxGroupConcurrency)
	}
	if p.Priority != nil {
		c.Priority = nil
		if v := *p.Priority; v != nil {
			n := clamp(*v, -1000, 1000)
			c.Priority = &n
		}
	}
	if p.DeadLetter != nil {
		c.DeadLetter = *p.DeadLetter
		if d := c.DeadLetter; d != nil {
			if err := CheckName(*d); err != nil {
				return base, InvalidField("dead_letter", "%s", err.Message)
			}
			if *d == topic {
				return base, InvalidField("dead_letter", "%q is the topic itself", *d)
			}
		}
	}
	return c, nil
}

const (
	maxRetryBackoff     = 86_400_000 // ms, a day
	maxGroupConcurrency = 1_000_000
)

// maxIdempotencyWindow is the longest that a topic remembers keys: a day.
const maxIdempotencyWindow = 86_400_000

// limit clamps values that an earlier version may have stored unclamped.
func (c *Config) limit() {
	c.IdempotencyWindowMS = min(c.IdempotencyWindowMS, maxIdempotencyWindow)
}

// applyDurability lets durability win over durable when both are sent.
func (p *ConfigPatch) applyDurability(c *Config) error {
	if p.Durability != nil {
		class, err := ParseClass(*p.Durability)
		if err != nil {
			return InvalidField("durability", "%q is none of %s", *p.Durability, strings.Join(ClassNames[:], ", "))
		}
		c.Durability = class
		return nil
	}
	if p.Durable != nil {
		c.Durability = Disk
		if *p.Durable {
			c.Durability = Fsync
		}
	}
	return nil
}

// Equal reports whether two configs mean the same.
func (c *Config) Equal(o *Config) bool {
	a, b := *c, *o
	samePriority := (a.Priority == nil) == (b.Priority == nil) && (a.Priority == nil || *a.Priority == *b.Priority)
	sameDead := (a.DeadLetter == nil) == (b.DeadLetter == nil) && (a.DeadLetter == nil || *a.DeadLetter == *b.DeadLetter)
	a.Priority, b.Priority, a.DeadLetter, b.DeadLetter = nil, nil, nil, nil
	return samePriority && sameDead && a == b
}

func set[T any](dst *T, src *T) {
	if src != nil {
		*dst = *src
	}
}

func clamp(v, lo, hi int64) int64 { return max(lo, min(v, hi)) }
