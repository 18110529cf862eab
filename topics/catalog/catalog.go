package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/tidwall/btree"
)

// Catalog has the topics by name, visible or not.
type Catalog struct {
	shared *topic.Shared
	max    int // topics at most, or 0 for no limit

	// Mu guards what follows, and with it what a registry has of its routers and of
	// changes that are not shown yet.
	Mu     lockorder.RWMutex[lockorder.Registry]
	ByName btree.Map[string, *topic.Topic] // changed by the catalog's methods alone
	ByID   map[uint64]*topic.Topic         // replay only: nil after EndReplayLocked
	NextID uint64
	dead   deadChains
}

// New returns an empty catalog, which replay can fill. It refuses to make more than
// max topics; 0 is no limit.
func New(shared *topic.Shared, max int) *Catalog {
	return &Catalog{shared: shared, max: max, ByID: make(map[uint64]*topic.Topic), NextID: 1}
}

// All returns every topic by name.
func (c *Catalog) All() []*topic.Topic {
	c.Mu.RLock()
	defer c.Mu.RUnlock()
	return c.ByName.Values()
}

// Lookup returns the topic of that name; nil if there is none.
func (c *Catalog) Lookup(name string) *topic.Topic {
	c.Mu.RLock()
	defer c.Mu.RUnlock()
	return c.GetLocked(name)
}

// GetLocked is Lookup with c.Mu held.
func (c *Catalog) GetLocked(name string) *topic.Topic {
	t, _ := c.ByName.Get(name)
	return t
}

// Hold returns the topic of that name with t.Mu held; nil if there is none.
func (c *Catalog) Hold(name string) *topic.Topic {
	for {
		t := c.Lookup(name)
		if t == nil {
			return nil
		}
		t.Mu.Lock()
		if !t.Dropped {
			return t
		}
		t.Mu.Unlock() // its name is free by now
	}
}

// EachVisible calls f with the topics that readers see and whose names begin
// with prefix. None is deleted meanwhile.
func (c *Catalog) EachVisible(prefix string, f func(name string, id uint64)) {
	c.Mu.RLock()
	defer c.Mu.RUnlock()
	c.ByName.Ascend(prefix, func(name string, t *topic.Topic) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		if t.IsVisible() {
			f(name, t.ID)
		}
		return true
	})
}

// RankLocked returns how many topics have names below all that begin with a prefix, or
// with through, below or among them. c.Mu is held.
func (c *Catalog) RankLocked(prefix string, through bool) int {
	low, high := 0, c.ByName.Len()
	for low < high {
		middle := int(uint(low+high) / 2)
		name, _, _ := c.ByName.GetAt(middle)
		if name < prefix || through && strings.HasPrefix(name, prefix) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// RoomLocked fails if n more topics would be too many. c.Mu is held.
func (c *Catalog) RoomLocked(n int) error {
	if c.max > 0 && c.ByName.Len()+n > c.max {
		return &record.Error{
			Kind: record.KindThrottled, Message: fmt.Sprintf("there are already %d topics, the most allowed", c.max),
			Detail: map[string]any{"limit": "max_topics", "max": c.max},
		}
	}
	return nil
}

// CheckDeadLettersLocked refuses a config with which the dead letters of the topic of
// that name would come back to it. c.Mu is held.
func (c *Catalog) CheckDeadLettersLocked(name string, cfg *record.Config) error {
	return c.dead.check(name, cfg)
}

// SetDeadLettersLocked records the config of the topic of that name, which has its
// place in the log. c.Mu is held.
func (c *Catalog) SetDeadLettersLocked(name string, cfg *record.Config) { c.dead.set(name, cfg) }

// NewTopicLocked makes a topic that no other goroutine knows; c.Mu is held. AdoptLocked
// makes it known once its creation has a place in the log. The name is copied: it may be
// part of a long request line, which would stay in memory with it.
func (c *Catalog) NewTopicLocked(name string, cfg *record.Config) *topic.Topic {
	t := topic.New(c.NextID, strings.Clone(name), c.shared)
	t.Next = cfg
	t.OpenJobs(cfg)
	return t
}

// AdoptLocked makes a topic known, whose id is the next one. c.Mu is held.
func (c *Catalog) AdoptLocked(t *topic.Topic) {
	c.NextID++
	c.ByName.Set(t.Name, t)
	c.dead.set(t.Name, t.Next)
}

// ForgetLocked takes the name and the id of a topic away. c.Mu and t.Mu are held.
func (c *Catalog) ForgetLocked(t *topic.Topic) {
	if c.GetLocked(t.Name) == t {
		c.ByName.Delete(t.Name)
		c.dead.forget(t.Name)
	}
	delete(c.ByID, t.ID)
}

// UnnameLocked takes the name and the id of a deleted topic away, and shows readers
// that it is gone. c.Mu and t.Mu are held.
func (c *Catalog) UnnameLocked(t *topic.Topic) {
	c.ForgetLocked(t)
	t.Hide()
	if t.Visible {
		c.shared.Host.Dies(t)
		c.shared.Counters.Topics.Add(-1)
		c.shared.Counters.Count(t.Config, -1)
	}
}

// Add makes a topic of a snapshot known. It returns false if its name or its id is
// taken, or its id is none that was given out. Only in replay.
func (c *Catalog) Add(t *topic.Topic) bool {
	if c.GetLocked(t.Name) != nil || t.ID >= c.NextID || c.ByID[t.ID] != nil {
		return false
	}
	c.ByID[t.ID] = t
	c.ByName.Set(t.Name, t)
	return true
}

// AddReplayed makes a topic known by its id and its name. Only in replay.
func (c *Catalog) AddReplayed(id uint64, name string) *topic.Topic {
	t := topic.New(id, name, c.shared)
	c.NextID = max(c.NextID, id+1)
	c.ByID[id] = t
	c.ByName.Set(name, t)
	return t
}

// InOrder returns the topics by id. Only in replay.
func (c *Catalog) InOrder() []*topic.Topic {
	all := make([]*topic.Topic, 0, len(c.ByID))
	for _, t := range c.ByID {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *topic.Topic) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// EndReplayLocked drops what only replay needs, and learns which queue names which
// dead-letter topic. c.Mu is held.
func (c *Catalog) EndReplayLocked() {
	c.ByID = nil
	c.ByName.Scan(func(name string, t *topic.Topic) bool {
		c.dead.set(name, t.Next)
		return true
	})
}
