package deploy

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestPacketFilter(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can ask the kernel")
	}
	out, err := exec.Command(installed(t, "nft"), "-c", "-f", "nftables/topics.nft").CombinedOutput()
	if err != nil && strings.Contains(string(out), "Operation not permitted") {
		t.Skip("the kernel takes no rules here")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
