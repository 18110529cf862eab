package bench

import "testing"

func TestAmount(t *testing.T) {
	for in, want := range map[string]amount{"5000": 5000, "100k": 100_000, "10M": 10_000_000, "1G": 1_000_000_000, "1": 1} {
		var a amount
		if err := a.UnmarshalText([]byte(in)); err != nil || a != want {
			t.Errorf("%s is %d, %v; want %d", in, a, err, want)
		}
	}
	for _, in := range []string{"", "M", "0", "0k", "-5", "1.5M", "10MB", "10m", "100G", "99999999999999999999"} {
		var a amount
		if err := a.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q passed as %d", in, a)
		}
	}
}
