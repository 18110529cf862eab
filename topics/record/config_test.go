package record

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestConfigDefaults(t *testing.T) {
	want := Config{
		Type: "log", Discard: "old", Durability: Disk, AutoPriority: true, AutoCreate: true,
		IdempotencyWindowMS: 120_000, DedupeNode: true, LeaseMS: 30_000, RetryBackoffMaxMS: 3_600_000, GroupConcurrency: 1,
	}
	got, err := new(ConfigPatch).Apply(DefaultConfig(), "t")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	if got.Durable() {
		t.Fatal("disk is reported durable")
	}
}

func TestConfigPatch(t *testing.T) {
	base := DefaultConfig()
	base.Durability, base.Priority, base.DeadLetter, base.TTLMS = Memory, ptr(int64(5)), ptr("dead"), 9
	tests := []struct {
		name  string
		patch ConfigPatch
		want  func(*Config) // on base; nil: refused
	}{
		{"nothing", ConfigPatch{}, func(*Config) {}},
		{"durable", ConfigPatch{Durable: ptr(true)}, func(c *Config) { c.Durability = Fsync }},
		{"not durable", ConfigPatch{Durable: ptr(false)}, func(c *Config) { c.Durability = Disk }},
		{"durability wins", ConfigPatch{Durable: ptr(true), Durability: ptr("ephemeral")},
			func(c *Config) { c.Durability = Ephemeral }},
		{"durability unknown", ConfigPatch{Durability: ptr("forever")}, nil},
		{"null priority", ConfigPatch{Priority: ptr((*int64)(nil))}, func(c *Config) { c.Priority = nil }},
		{"priority high", ConfigPatch{Priority: ptr(ptr(int64(1001)))}, func(c *Config) { c.Priority = ptr(int64(1000)) }},
		{"priority low", ConfigPatch{Priority: ptr(ptr(int64(-1 << 63)))}, func(c *Config) { c.Priority = ptr(int64(-1000)) }},
		{"lease low", ConfigPatch{LeaseMS: ptr(int64(-5))}, func(c *Config) { c.LeaseMS = 100 }},
		{"window high", ConfigPatch{IdempotencyWindowMS: ptr(int64(1<<63 - 1))}, func(c *Config) { c.IdempotencyWindowMS = 86_400_000 }},
		{"lease high", ConfigPatch{LeaseMS: ptr(int64(1 << 62))}, func(c *Config) { c.LeaseMS = 86_400_000 }},
		{"jitter low", ConfigPatch{ClaimJitterMS: ptr(int64(-1))}, func(c *Config) { c.ClaimJitterMS = 0 }},
		{"jitter high", ConfigPatch{ClaimJitterMS: ptr(int64(5001))}, func(c *Config) { c.ClaimJitterMS = 5000 }},
		{"null dead letter", ConfigPatch{DeadLetter: ptr((*string)(nil))}, func(c *Config) { c.DeadLetter = nil }},
		{"dead letter", ConfigPatch{DeadLetter: ptr(ptr("other"))}, func(c *Config) { c.DeadLetter = ptr("other") }},
		{"dead letter itself", ConfigPatch{DeadLetter: ptr(ptr("t"))}, nil},
		{"dead letter no name", ConfigPatch{DeadLetter: ptr(ptr("a/b"))}, nil},
		{"backoff low", ConfigPatch{RetryBackoffMS: ptr(int64(-1))}, func(c *Config) { c.RetryBackoffMS = 0 }},
		{"backoff high", ConfigPatch{RetryBackoffMS: ptr(int64(1 << 62))}, func(c *Config) { c.RetryBackoffMS = 86_400_000 }},
		{"longest backoff low", ConfigPatch{RetryBackoffMaxMS: ptr(int64(-1))}, func(c *Config) { c.RetryBackoffMaxMS = 0 }},
		{"longest backoff high", ConfigPatch{RetryBackoffMaxMS: ptr(int64(1 << 62))}, func(c *Config) { c.RetryBackoffMaxMS = 86_400_000 }},
		{"concurrency low", ConfigPatch{GroupConcurrency: ptr(int64(0))}, func(c *Config) { c.GroupConcurrency = 1 }},
		{"concurrency high", ConfigPatch{GroupConcurrency: ptr(int64(1 << 62))}, func(c *Config) { c.GroupConcurrency = 1_000_000 }},
		{"paused", ConfigPatch{Paused: ptr(true)}, func(c *Config) { c.Paused = true }},
		{"type unknown", ConfigPatch{Type: ptr("tree")}, nil},
		{"queue", ConfigPatch{Type: ptr("queue")}, func(c *Config) { c.Type = TypeQueue }},
		{"discard unknown", ConfigPatch{Discard: ptr("new")}, nil},
		{"reject", ConfigPatch{Discard: ptr("reject")}, func(c *Config) { c.Discard = DiscardReject }},
		{"ttl negative", ConfigPatch{TTLMS: ptr(int64(-1))}, nil},
		{"records negative", ConfigPatch{CapRecords: ptr(int64(-1))}, nil},
		{"bytes negative", ConfigPatch{CapBytes: ptr(int64(-1))}, nil},
		{"window negative", ConfigPatch{IdempotencyWindowMS: ptr(int64(-1))}, nil},
		{"deliveries negative", ConfigPatch{MaxDeliveries: ptr(int64(-1))}, nil},
		{"numbers", ConfigPatch{
			TTLMS: ptr(int64(1)), CapRecords: ptr(int64(2)), CapBytes: ptr(int64(3)),
			IdempotencyWindowMS: ptr(int64(4)), MaxDeliveries: ptr(int64(5)),
		}, func(c *Config) {
			c.TTLMS, c.CapRecords, c.CapBytes, c.IdempotencyWindowMS, c.MaxDeliveries = 1, 2, 3, 4, 5
		}},
		{"switches", ConfigPatch{
			AutoPriority: ptr(false), AutoCreate: ptr(false), DedupeNode: ptr(false), LeasesDurable: ptr(true),
		}, func(c *Config) {
			c.AutoPriority, c.AutoCreate, c.DedupeNode, c.LeasesDurable = false, false, false, true
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.patch.Apply(base, "t")
			if test.want == nil {
				if e := new(Error); !errors.As(err, &e) || e.Kind != KindInvalid || !reflect.DeepEqual(got, base) {
					t.Fatalf("%+v, %v", got, err)
				}
				told := new(Error)
				_ = errors.As(err, &told)
				if field, _ := told.Detail["field"].(string); field == "" || !strings.HasPrefix(told.Message, field+": ") {
					t.Fatalf("%q does not name its field, %q", told.Message, field)
				}
				return
			}
			want := base
			test.want(&want)
			if err != nil || !reflect.DeepEqual(got, want) || !got.Equal(&want) {
				t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
			}
			if changed := !reflect.DeepEqual(want, base); got.Equal(&base) == changed {
				t.Fatalf("Equal says %v of %+v and %+v", !changed, got, base)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "A9": true, "0": true, "a.b_c:d-e": true, strings.Repeat("x", 255): true,
		"": false, ".a": false, "-a": false, "_a": false, ":a": false, "a b": false, "a/b": false, "é": false, "a>": false,
		"a\x00": false, strings.Repeat("x", 256): false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestClassText(t *testing.T) {
	for c := Ephemeral; c <= Fsync; c++ {
		var back Class
		if b, err := c.MarshalText(); err != nil || back.UnmarshalText(b) != nil || back != c {
			t.Errorf("%v: %s, %v, %v", c, b, err, back)
		}
	}
}

func ptr[T any](v T) *T { return &v }
