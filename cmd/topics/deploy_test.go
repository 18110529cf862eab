package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/config"
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

// The drop-in for other disks lets the server write to each directory that it names,
// waits for its disk, and has only variables that the server takes.
func TestDropInForOtherDisks(t *testing.T) {
	b, err := os.ReadFile(unitsDir + "topics.service.d/disks.conf")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			values[name] = append(values[name], strings.Fields(value)...)
		}
	}
	if !slices.Equal(values["RequiresMountsFor"], values["ReadWritePaths"]) || len(values["ReadWritePaths"]) != 3 {
		t.Errorf("%q", values)
	}
	c, err := config.Load(values["Environment"], config.ThisMachine())
	if err != nil || !c.RequireExisting {
		t.Fatalf("%q: %v", values["Environment"], err)
	}
	for _, warning := range c.Warnings {
		if strings.Contains(warning, "unknown") || strings.Contains(warning, "TOPICS_") {
			t.Errorf("the server warns: %s", warning)
		}
	}
	for _, dir := range []string{c.DataDir, c.ColdDir, c.ArchiveDir} {
		if !slices.ContainsFunc(values["ReadWritePaths"], func(p string) bool { return strings.HasPrefix(dir, p+"/") }) {
			t.Errorf("the server may not write to %s", dir)
		}
	}
}
