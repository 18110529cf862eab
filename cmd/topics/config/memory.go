package config

import (
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// leastMemory is the smallest memory limit that is accepted.
const leastMemory = 32 * mib

// assumedMemory is the limit if none can be determined.
const assumedMemory = 2 * gib

// Machine has the external limits of the process's memory, in bytes. 0 means
// that there is no such limit.
type Machine struct {
	Cgroup  int64
	Runtime int64 // GOMEMLIMIT
	Total   int64 // memory of the machine
}

// ThisMachine returns the limits of this machine. It must be called before the
// runtime's memory limit is set.
func ThisMachine() Machine {
	found := func(limit uint64, err error) int64 {
		if err != nil || limit >= math.MaxInt64 {
			return 0
		}
		return int64(limit)
	}
	return Machine{
		Cgroup:  found(memlimit.FromCgroup()),
		Runtime: found(uint64(debug.SetMemoryLimit(-1)), nil),
		Total:   found(memlimit.FromSystem()),
	}
}

// limit returns how much memory the process may use, and the source of the
// limit: the lower one of the cgroup's and GOMEMLIMIT, or else three quarters
// of the machine's memory.
func (m Machine) limit() (limit int64, source string) {
	switch {
	case m.Cgroup > 0 && (m.Runtime == 0 || m.Cgroup <= m.Runtime):
		return m.Cgroup, "cgroup"
	case m.Runtime > 0:
		return m.Runtime, "GOMEMLIMIT"
	}
	if m.Total > 0 {
		return m.Total / 4 * 3, "machine"
	}
	return assumedMemory, "assumed"
}

// share is a part of the memory that a setting bounds.
type share struct {
	name   string // full name of the variable
	holds  string
	bytes  *int64
	weight int64 // part of the available memory, if the variable is not set
}

// shares returns all shares. A share that is not set never exceeds its default:
// more would have little benefit on a large machine.
func (c *Config) shares() []share {
	return []share{
		{prefix + "CACHE_BYTES", "cache", &c.CacheBytes, 4},
		{prefix + "MAX_INFLIGHT_BYTES", "requests and answers", &c.MaxInflightBytes, 8},
		{prefix + "EPHEMERAL_BYTES", "ephemeral records", &c.EphemeralBytes, 4},
		{prefix + "WAL_QUEUE_BYTES", "log queue", &c.WALQueueBytes, 2},
		{prefix + "IDEMPOTENCY_BYTES", "idempotency keys", &c.IdempotencyBytes, 1},
		{prefix + "STREAM_BYTES", "streams", &c.StreamBytes, 5},
	}
}

// planned reports whether a setting takes its value from the memory plan if it
// is not set.
func planned(name string) bool {
	isIt := func(s share) bool { return s.name == name }
	return name == prefix+"MAX_BODY_BYTES" || slices.ContainsFunc(new(Config).shares(), isIt)
}

// leastShare is the minimum of a share that is not set.
const leastShare = mib

// planMemory determines the memory limit and divides it. A quarter is reserved
// for the process itself. Shares that are set have their value, and the others
// divide the rest.
func (c *Config) planMemory(m Machine) (problems Problems) {
	c.MemorySource = "environment"
	if c.MemoryBytes == 0 {
		c.MemoryBytes, c.MemorySource = m.limit()
	}
	c.MemoryBytes = c.MemoryBytes / mib * mib
	if c.MemoryBytes < leastMemory {
		return Problems{fmt.Sprintf("%sMEMORY_BYTES: %s (%s) is too little: at least %s are needed",
			prefix, formatSize(c.MemoryBytes), c.MemorySource, formatSize(leastMemory))}
	}
	room, weights, least := c.MemoryBytes-c.ProcessBytes(), int64(0), int64(0)
	for _, s := range c.shares() {
		if c.given[s.name] {
			room -= *s.bytes
		} else {
			weights += s.weight
			least += leastShare
		}
	}
	for _, s := range c.shares() {
		if !c.given[s.name] {
			*s.bytes = min(*s.bytes, max(leastShare, room/weights*s.weight/mib*mib))
		}
	}
	if room < least {
		return Problems{prefix + "MEMORY_BYTES: " + c.overdrawn()}
	}
	if c.given[prefix+"MAX_BODY_BYTES"] {
		return nil
	}
	c.MaxBodyBytes = min(c.MaxBodyBytes, max(c.MaxInflightBytes/bodyPart, c.MaxRecordBytes))
	return nil
}

// bodyPart is the divisor that gives the limit of a body from the memory for
// requests, if the variable is not set. A body is copied once, so it uses up to
// a quarter of that memory, which is what one key may use while others are
// active.
const bodyPart = 8

// ProcessBytes returns the memory reserved for the process itself: code,
// stacks, indexes, connections, and garbage that is not collected yet.
func (c *Config) ProcessBytes() int64 { return c.MemoryBytes / 4 }

// HeaderBytes returns the limit of a request's header: 64 KiB, and less with
// less than 1 GiB of memory, because every connection may send one.
func (c *Config) HeaderBytes() int {
	return int(min(max(c.ProcessBytes()/4096, 8*kib), 64*kib))
}

// connectionCost is the memory that an idle connection takes.
const connectionCost = 8 * kib

// Connections returns the number of connections that fit into their half of the
// memory reserved for the process.
func (c *Config) Connections() int { return int(c.ProcessBytes() / 2 / connectionCost) }

// WorkBytes returns the memory for the buffers of compactions, erasures, scrubs, the
// archive and offloading: an eighth of that reserved for the process, at most 32 MiB.
func (c *Config) WorkBytes() int64 { return min(c.ProcessBytes()/8, 32*mib) }

// overdrawn describes the sum of the shares and its parts.
func (c *Config) overdrawn() string {
	sum := c.ProcessBytes()
	parts := []string{formatSize(sum) + " for the process"}
	for _, s := range c.shares() {
		sum += *s.bytes
		parts = append(parts, s.name+"="+formatSize(*s.bytes))
	}
	return fmt.Sprintf("the shares need %s together and the limit is %s (%s): %s",
		formatSize(sum), formatSize(c.MemoryBytes), c.MemorySource, strings.Join(parts, ", "))
}
