package main

import (
	"math"
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
	values := unitValues(t, "topics.service.d/disks.conf")
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

// unitValues returns what a unit sets, by name: the words of all its lines.
func unitValues(t *testing.T, file string) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(unitsDir + file)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			values[name] = append(values[name], strings.Fields(value)...)
		}
	}
	return values
}

// The unit waits for readiness, and for the drain before it kills; it starts again after
// a crash, however often, but not with a configuration or data that was refused.
func TestUnitLetsTheServerStartAndStop(t *testing.T) {
	values := unitValues(t, "topics.service")
	c, err := config.Load(values["Environment"], config.ThisMachine())
	if err != nil || !c.ExitOnRecoveryErr {
		t.Fatalf("%q: %v", values["Environment"], err)
	}
	stop := int(math.Ceil((c.DrainDelay + c.DrainTimeout).Seconds())) + 10
	for name, want := range map[string]string{
		"Type": "notify", "NotifyAccess": "main", "WatchdogSec": "30", "TimeoutStartSec": "90", "TimeoutStopSec": strconv.Itoa(stop), "KillMode": "mixed",
		"Restart": "on-failure", "RestartSec": "2", "StartLimitIntervalSec": "0", "RestartPreventExitStatus": "2 3", "LimitNOFILE": "524288",
		"User": "topics", "StateDirectory": "topics", "StateDirectoryMode": "0700", "UMask": "0077", "ProtectSystem": "strict",
	} {
		if got := strings.Join(values[name], " "); got != want {
			t.Errorf("%s=%s, want %s", name, got, want)
		}
	}
	if c.DataDir != "%S/"+values["StateDirectory"][0]+"/data" {
		t.Errorf("the data is in %s", c.DataDir)
	}
	if len(values["MemoryMax"])+len(values["CPUQuota"])+len(values["ExecStartPre"]) > 0 {
		t.Error("the unit limits what the server derives from the machine")
	}
	if backup := unitValues(t, "topics-backup.service"); !slices.Equal(backup["RequiresMountsFor"], backup["ReadWritePaths"]) || len(backup["ReadWritePaths"]) != 1 {
		t.Errorf("the backup writes to %q and waits for %q", backup["ReadWritePaths"], backup["RequiresMountsFor"])
	}
}
