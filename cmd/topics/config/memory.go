package config

import (
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// leastMemory is the smallest limit that memory is planned for.
const leastMemory = 32 * mib

// assumedMemory is the limit where nothing is to be found out.
const assumedMemory = 2 * gib

// Machine is what limits the memory of the process from outside, in bytes; 0 is
// no such limit.
type Machine struct {
	Cgroup  int64
	Runtime int64 // GOMEMLIMIT
	Total   int64 // of the machine
}

// ThisMachine looks at the machine. It must come before anything sets the
// runtime's limit.
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

// limit is how much memory the process may take, and where that comes from. Of
// a cgroup and GOMEMLIMIT it is the lower one.
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
	name   string // of the variable, in full
	holds  string
	bytes  *int64
	weight int64 // of what is shared out, if the variable is not set
}

// shares are all there are. What they are by default is the most that they get
// from the plan: more would do little good on a large machine.
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

// planned reports whether a setting gets its value from the plan if it is not
// set.
func planned(name string) bool {
	isIt := func(s share) bool { return s.name == name }
	return name == prefix+"MAX_BODY_BYTES" || slices.ContainsFunc(new(Config).shares(), isIt)
}

// leastShare is what a share gets at least, if it is not set.
const leastShare = mib

// planMemory finds the limit and divides it: a quarter is the process's own,
// what is left belongs to the shares. Those that are set have what they say,
// the others divide the rest.
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

// bodyPart is the part of the memory for requests that one body has, if the
// variable is not set: twice it, for it is copied once, is a quarter, which is
// what a key may have while others ask.
const bodyPart = 8

// ProcessBytes is the memory kept apart for the process: code, stacks, indexes,
// connections, and what the collector has yet to free.
func (c *Config) ProcessBytes() int64 { return c.MemoryBytes / 4 }

// HeaderBytes is how large the header of a request may be: 64 KiB, and less with
// less than 1 GiB of memory, because every connection may bring one.
func (c *Config) HeaderBytes() int {
	return int(min(max(c.ProcessBytes()/4096, 8*kib), 64*kib))
}

// connectionCost is what a connection takes that asks nothing.
const connectionCost = 8 * kib

// Connections is how many connections the memory kept for the process has room
// for.
func (c *Config) Connections() int { return int(c.ProcessBytes() / 2 / connectionCost) }

// overdrawn is the sum and all that is in it.
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
