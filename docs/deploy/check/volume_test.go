package check

import (
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	core "k8s.io/api/core/v1"
)

// A larger disk changes one line, that of the claim: everything else of an upgrade
// is taken by a cluster as it is.
func TestALargerDiskChangesTheClaimAlone(t *testing.T) {
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	for _, size := range []string{"20Gi", "100Gi"} {
		text, err := rendered(c, chartutil.Values{"storage": map[string]any{"size": size}})
		if err != nil {
			t.Fatal(err)
		}
		lines[size] = strings.Split(text, "\n")
	}
	small, large := lines["20Gi"], lines["100Gi"]
	var differ []string
	for i := range small {
		if i < len(large) && small[i] != large[i] {
			differ = append(differ, strings.TrimSpace(large[i]))
		}
	}
	if len(small) != len(large) || !slices.Equal(differ, []string{"resources: {requests: {storage: 100Gi}}"}) {
		t.Errorf("%d lines and %d, of which differ %q", len(small), len(large), differ)
	}
}

// Data is in a directory of the claim, and what goes with the pod is /tmp alone.
func TestVolumes(t *testing.T) {
	everyRendering(t, func(t *testing.T, _ string, o objects) {
		pod := o.sets[0].Spec.Template.Spec
		mounts := map[string]string{}
		for _, m := range pod.Containers[0].VolumeMounts {
			mounts[m.Name] = m.MountPath
		}
		for _, v := range pod.Volumes {
			if v.EmptyDir != nil && mounts[v.Name] != "/tmp" {
				t.Errorf("%s goes with the pod and is at %s", v.Name, mounts[v.Name])
			}
		}
		claim := o.sets[0].Spec.VolumeClaimTemplates[0].Name
		at := slices.IndexFunc(pod.Containers[0].Env, func(e core.EnvVar) bool { return e.Name == "TOPICS_DATA_DIR" })
		if data := pod.Containers[0].Env[at].Value; !strings.HasPrefix(data, mounts[claim]+"/") {
			t.Errorf("the data is in %s, the claim at %s", data, mounts[claim])
		}
	})
}
