package queue

import "testing"

func TestLeaseID(t *testing.T) {
	for _, id := range []LeaseID{{}, {1, 2}, {1<<64 - 1, 1 << 63}} {
		s := id.String()
		if got, ok := ParseLeaseID(s); !ok || got != id || len(s) != len("lease_")+32 {
			t.Errorf("%s is read as %v, %v", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "lease_", "lease_00", "lease_0000000000000000000000000000000A", "lease_+000000000000000000000000000000a",
		"leasE_00000000000000000000000000000001", "lease_000000000000000000000000000000010",
	} {
		if id, ok := ParseLeaseID(s); ok {
			t.Errorf("%q is read as %v", s, id)
		}
	}
}
