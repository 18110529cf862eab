package child

import "testing"

func TestParseMemory(t *testing.T) {
	got, err := parseStatus([]byte("Name:\ttopics\nVmPeak:\t  900 kB\nVmRSS:\t   12 kB\nThreads:\t4\n"), "VmRSS:")
	if err != nil || got != 12<<10 {
		t.Errorf("got %d, %v; want %d", got, err, 12<<10)
	}
	if _, err := parseStatus([]byte("Name:\ttopics\n"), "VmRSS:"); err == nil {
		t.Error("a status without VmRSS passed")
	}
}
