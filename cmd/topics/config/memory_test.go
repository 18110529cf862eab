package config

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// large is a machine on which every planned setting has its default.
var large = Machine{Total: 64 * gib}

func TestMemoryLimit(t *testing.T) {
	for _, tt := range []struct {
		env     string
		machine Machine
		limit   int64
		source  string
	}{
		{"", Machine{Total: 4 * gib}, 3 * gib, "machine"},
		{"", Machine{Total: 4 * gib, Runtime: gib}, gib, "GOMEMLIMIT"},
		{"", Machine{Total: 4 * gib, Cgroup: gib}, gib, "cgroup"},
		{"", Machine{Total: 4 * gib, Cgroup: 2 * gib, Runtime: gib}, gib, "GOMEMLIMIT"},
		{"", Machine{Total: 4 * gib, Cgroup: gib, Runtime: 2 * gib}, gib, "cgroup"},
		{"", Machine{}, assumedMemory, "assumed"},
		{"TOPICS_MEMORY_BYTES=256MiB", Machine{Total: 4 * gib, Cgroup: gib, Runtime: 2 * gib}, 256 * mib, "environment"},
	} {
		c, err := Load(strings.Fields(tt.env), tt.machine)
		if err != nil {
			t.Errorf("%q on %+v: %v", tt.env, tt.machine, err)
			continue
		}
		if c.MemoryBytes != tt.limit || c.MemorySource != tt.source {
			t.Errorf("%q on %+v: %d from %q, want %d from %q", tt.env, tt.machine, c.MemoryBytes, c.MemorySource, tt.limit, tt.source)
		}
	}
}

// With any limit, the server starts with the defaults, their sum is within the
// limit, and on a large machine they have their maximum.
func TestDefaultsFitEveryLimit(t *testing.T) {
	for limit := int64(leastMemory); limit <= 64*gib; limit += limit / 3 {
		c, err := Load(nil, Machine{Cgroup: limit})
		if err != nil {
			t.Fatalf("%d: %v", limit, err)
		}
		sum := c.ProcessBytes()
		for _, s := range c.shares() {
			if *s.bytes < leastShare {
				t.Errorf("%d: %s has %d", limit, s.name, *s.bytes)
			}
			sum += *s.bytes
		}
		if sum > limit {
			t.Errorf("the shares of %d take %d", limit, sum)
		}
		if c.MaxBodyBytes < c.MaxRecordBytes || c.MaxBodyBytes > c.MaxInflightBytes/4 {
			t.Errorf("%d: a body has %d bytes, of %d for all", limit, c.MaxBodyBytes, c.MaxInflightBytes)
		}
	}
}

func TestSharesThatAreSet(t *testing.T) {
	c, err := Load([]string{"TOPICS_CACHE_BYTES=100MiB"}, Machine{Cgroup: 256 * mib})
	if err != nil {
		t.Fatal(err)
	}
	if c.CacheBytes != 100*mib || c.MaxInflightBytes >= 64*mib {
		t.Errorf("cache %d, requests %d: the others divide what is left", c.CacheBytes, c.MaxInflightBytes)
	}
	for _, tt := range []struct{ env, want string }{
		{
			"TOPICS_CACHE_BYTES=1GiB",
			"TOPICS_MEMORY_BYTES: the shares need 1093MiB together and the limit is 256MiB (cgroup): 64MiB for the process, " +
				"TOPICS_CACHE_BYTES=1GiB, TOPICS_MAX_INFLIGHT_BYTES=1MiB, TOPICS_EPHEMERAL_BYTES=1MiB, TOPICS_WAL_QUEUE_BYTES=1MiB, " +
				"TOPICS_IDEMPOTENCY_BYTES=1MiB, TOPICS_STREAM_BYTES=1MiB",
		},
		{
			"TOPICS_MAX_BODY_BYTES=64MiB",
			"TOPICS_MAX_BODY_BYTES: 64MiB must not be above three eighths of TOPICS_MAX_INFLIGHT_BYTES, which is 64MiB: a body is copied once",
		},
		{"TOPICS_MEMORY_BYTES=16MiB", "TOPICS_MEMORY_BYTES: 16MiB (environment) is too little: at least 32MiB are needed"},
	} {
		_, err := Load(strings.Fields(tt.env), Machine{Cgroup: 256 * mib})
		var problems Problems
		if !errors.As(err, &problems) || problems[0] != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.env, err, tt.want)
		}
	}
}

// The listing has the limit, its source, and every share.
func TestTheListingHasThePlan(t *testing.T) {
	c, err := Load(nil, Machine{Cgroup: 256 * mib})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Table(&b); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"TOPICS_MEMORY_BYTES 256MiB cgroup", "TOPICS_CACHE_BYTES 32MiB plan", "TOPICS_MAX_BODY_BYTES 8MiB plan",
		"TOPICS_PORT 4000 default", "process 64MiB", "requests and answers 64MiB", "together", "limit (cgroup) 256MiB",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the listing:\n%s", want, b.String())
		}
	}
}
