package main

import (
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

const unitsDir = "../../docs/deploy/systemd/"

// The unit keeps the server away from all that it does not need.
func TestUnitIsHardened(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze")
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", unitsDir+"topics.service").CombinedOutput()
	found := regexp.MustCompile(`Overall exposure level for topics.service: ([0-9.]+)`).FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	exposure, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil || exposure > 2.0 {
		t.Errorf("exposure %s, want at most 2.0:\n%s", found[1], out)
	}
}
