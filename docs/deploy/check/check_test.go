// Package check holds the chart, the manifests and Envoy's configuration of this
// directory to the types of the programs that read them. It is a module of its own,
// so that theirs are no dependencies of the server.
package check

import (
	"bufio"
	"bytes"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	bootstrap "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/formatter/req_without_query/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

const chartDir = "../helm/topics"

// objects are what a rendering has, by kind.
type objects struct {
	sets     []apps.StatefulSet
	services []core.Service
	budgets  []policy.PodDisruptionBudget
	policies []networking.NetworkPolicy
	jobs     []batch.CronJob
	others   []string // kinds whose types are not Kubernetes' own
}

// decode reads manifests, and takes no field that their types lack.
func decode(t *testing.T, text string) (o objects) {
	t.Helper()
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		doc, err := reader.Read()
		if err != nil {
			return o
		}
		var kind struct{ Kind string }
		if err := strict.Unmarshal(doc, &kind); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		switch kind.Kind {
		case "": // nothing but comments
		case "StatefulSet":
			o.sets = append(o.sets, as[apps.StatefulSet](t, doc))
		case "Service":
			o.services = append(o.services, as[core.Service](t, doc))
		case "PodDisruptionBudget":
			o.budgets = append(o.budgets, as[policy.PodDisruptionBudget](t, doc))
		case "NetworkPolicy":
			o.policies = append(o.policies, as[networking.NetworkPolicy](t, doc))
		case "CronJob":
			o.jobs = append(o.jobs, as[batch.CronJob](t, doc))
		default:
			o.others = append(o.others, kind.Kind)
		}
	}
}

func as[T any](t *testing.T, doc []byte) (v T) {
	t.Helper()
	if err := strict.UnmarshalStrict(doc, &v); err != nil {
		t.Fatalf("%v in\n%s", err, doc)
	}
	return v
}

// render returns the chart's manifests with the values of a file of ci, or with its
// defaults.
func render(t *testing.T, values string) string {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	given := chartutil.Values{}
	if values != "" {
		if given, err = chartutil.ReadValuesFile(values); err != nil {
			t.Fatal(err)
		}
	}
	text, err := rendered(c, given)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func rendered(c *chart.Chart, given chartutil.Values) (string, error) {
	all, err := chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{Name: "topics", Namespace: "default"}, nil)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(c, all)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".yaml") && strings.TrimSpace(files[name]) != "" {
			b.WriteString("---\n" + files[name] + "\n")
		}
	}
	return b.String(), err
}

// everyRendering runs a test with the defaults and each value file.
func everyRendering(t *testing.T, test func(t *testing.T, values string, o objects)) {
	files, err := filepath.Glob(chartDir + "/ci/*-values.yaml")
	if err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, values := range append(files, "") {
		t.Run(filepath.Base(values), func(t *testing.T) { test(t, values, decode(t, render(t, values))) })
	}
}

func TestLint(t *testing.T) {
	for _, m := range lint.All(chartDir, nil, "default", true).Messages {
		if m.Severity > support.InfoSev {
			t.Error(m)
		}
	}
}

func TestOneReplicaIsTheRule(t *testing.T) {
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rendered(c, chartutil.Values{"replicaCount": 2}); err == nil {
		t.Error("two replicas are taken")
	}
	if _, err := rendered(c, chartutil.Values{"storage": map[string]any{"accessMode": "ReadWriteMany"}}); err == nil {
		t.Error("a volume for several is taken")
	}
}

func TestServer(t *testing.T) {
	everyRendering(t, func(t *testing.T, values string, o objects) {
		if len(o.sets) != 1 || len(o.services) != 2 || len(o.budgets) != 1 {
			t.Fatalf("%d sets, %d services, %d budgets", len(o.sets), len(o.services), len(o.budgets))
		}
		set := o.sets[0]
		pod := set.Spec.Template.Spec
		c := pod.Containers[0]
		if *set.Spec.Replicas != 1 || set.Spec.PodManagementPolicy != apps.ParallelPodManagement || set.Spec.MinReadySeconds != 0 {
			t.Error("it is not one replica that is replaced at once")
		}
		if r := set.Spec.PersistentVolumeClaimRetentionPolicy; r.WhenDeleted != "Retain" || r.WhenScaled != "Retain" {
			t.Error("the volume goes with the set")
		}
		if mode := set.Spec.VolumeClaimTemplates[0].Spec.AccessModes; len(mode) != 1 || !strings.HasPrefix(string(mode[0]), "ReadWriteOnce") {
			t.Errorf("the volume is %v", mode)
		}
		if c.StartupProbe != nil || c.LivenessProbe.HTTPGet.Path != "/live" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.Lifecycle != nil {
			t.Error("the probes are not /live and /readyz alone")
		}
		env := map[string]string{}
		for _, v := range c.Env {
			env[v.Name] = v.Value
			if strings.Contains(v.Name, "API_KEYS") && v.Name != "TOPICS_API_KEYS_FILE" {
				t.Errorf("a key is in %s", v.Name)
			}
		}
		timeout, err := strconv.Atoi(env["TOPICS_DRAIN_TIMEOUT_MS"])
		if err != nil || *pod.TerminationGracePeriodSeconds != int64(math.Ceil(float64(timeout)/1000))+10 {
			t.Errorf("the grace period is %d s for a drain of %s ms", *pod.TerminationGracePeriodSeconds, env["TOPICS_DRAIN_TIMEOUT_MS"])
		}
		delay, err := strconv.Atoi(env["TOPICS_DRAIN_DELAY_MS"])
		probe := int(c.ReadinessProbe.PeriodSeconds*c.ReadinessProbe.FailureThreshold) * 1000
		if err != nil || delay < 2*probe || delay >= timeout {
			t.Errorf("the delay is %s of %s", env["TOPICS_DRAIN_DELAY_MS"], env["TOPICS_DRAIN_TIMEOUT_MS"])
		}
		if env["TOPICS_PORT"] != "4000" || env["TOPICS_DATA_DIR"] != "/volume/topics" {
			t.Errorf("%v", env)
		}
		for _, m := range c.VolumeMounts {
			if m.SubPath != "" {
				t.Errorf("%s is mounted by subPath, and never changes", m.Name)
			}
		}
		if _, limited := c.Resources.Limits[core.ResourceCPU]; limited {
			t.Error("CPU has a limit")
		}
		allowed := o.budgets[0].Spec.MaxUnavailable.IntValue()
		if want := map[bool]int{true: 0, false: 1}[strings.Contains(values, "block")]; allowed != want {
			t.Errorf("%d disruptions are allowed, want %d", allowed, want)
		}
	})
}

// A pod is killed after a minute of a process that is stuck and for nothing else, and
// gets no requests two seconds after it is not ready.
func TestProbes(t *testing.T) {
	everyRendering(t, func(t *testing.T, _ string, o objects) {
		c := o.sets[0].Spec.Template.Spec.Containers[0]
		for _, tc := range []struct {
			probe                     *core.Probe
			period, timeout, failures int32
		}{{c.LivenessProbe, 10, 5, 6}, {c.ReadinessProbe, 2, 2, 1}} {
			if p := tc.probe; p.PeriodSeconds != tc.period || p.TimeoutSeconds != tc.timeout || p.FailureThreshold != tc.failures {
				t.Errorf("%s: %d times every %d s, for %d s", p.HTTPGet.Path, p.FailureThreshold, p.PeriodSeconds, p.TimeoutSeconds)
			}
		}
		if policy := o.budgets[0].Spec.UnhealthyPodEvictionPolicy; policy == nil || *policy != "AlwaysAllow" {
			t.Error("a pod that is not ready cannot be evicted")
		}
	})
}

func TestPodsAreSecure(t *testing.T) {
	everyRendering(t, func(t *testing.T, values string, o objects) {
		pods := []core.PodSpec{o.sets[0].Spec.Template.Spec}
		for _, j := range o.jobs {
			pods = append(pods, j.Spec.JobTemplate.Spec.Template.Spec)
		}
		for _, p := range pods {
			s := p.SecurityContext
			if *p.EnableServiceLinks || *p.AutomountServiceAccountToken || !*s.RunAsNonRoot || *s.RunAsUser != 65532 || *s.RunAsGroup != 65532 || *s.FSGroup != 65532 || *s.FSGroupChangePolicy != core.FSGroupChangeOnRootMismatch {
				t.Errorf("%+v", s)
			}
			for _, c := range p.Containers {
				if !*c.SecurityContext.ReadOnlyRootFilesystem || *c.SecurityContext.AllowPrivilegeEscalation {
					t.Errorf("%+v", c.SecurityContext)
				}
			}
		}
	})
}

func TestServicesForClientsAndOperators(t *testing.T) {
	o := decode(t, render(t, ""))
	clients, operators := o.services[0], o.services[1]
	if clients.Spec.PublishNotReadyAddresses || clients.Spec.ClusterIP == core.ClusterIPNone {
		t.Error("clients would reach a server that is not ready")
	}
	if !operators.Spec.PublishNotReadyAddresses || operators.Spec.ClusterIP != core.ClusterIPNone || operators.Name != o.sets[0].Spec.ServiceName {
		t.Error("operators would not reach a server that is not ready")
	}
}

func TestBackupJob(t *testing.T) {
	o := decode(t, render(t, chartDir+"/ci/backup-values.yaml"))
	if len(o.jobs) != 1 {
		t.Fatalf("%d jobs", len(o.jobs))
	}
	job := o.jobs[0].Spec
	if job.ConcurrencyPolicy != batch.ForbidConcurrent || job.StartingDeadlineSeconds == nil || job.JobTemplate.Spec.ActiveDeadlineSeconds == nil {
		t.Errorf("%+v", job)
	}
	for _, v := range job.JobTemplate.Spec.Template.Spec.Volumes {
		if v.PersistentVolumeClaim != nil && strings.HasPrefix(v.PersistentVolumeClaim.ClaimName, "data-") {
			t.Error("it mounts the server's volume")
		}
	}
}

// The plain manifests are what the chart renders, so that both are true.
func TestPlainManifestsAreTheChart(t *testing.T) {
	const file = "../kubernetes/topics.yaml"
	want := "# Written from docs/deploy/helm/topics: UPDATE=1 go test in docs/deploy/check.\n" + render(t, "")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s is not the chart with its defaults (%v)", file, err)
	}
}

func TestEnvoyTakesItsConfiguration(t *testing.T) {
	text, err := os.ReadFile("../envoy/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := strict.YAMLToJSONStrict(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bootstrap.Bootstrap
	if err := protojson.Unmarshal(asJSON, &b); err != nil {
		t.Fatal(err)
	}
	if err := b.ValidateAll(); err != nil {
		t.Error(err)
	}
	if !bytes.Contains(text, []byte("healthy_panic_threshold: {value: 0}")) {
		t.Error("it would send requests to servers that are not ready")
	}
	for _, cluster := range b.StaticResources.Clusters {
		if len(cluster.HealthChecks) != 1 {
			t.Fatalf("%s has %d checks", cluster.Name, len(cluster.HealthChecks))
		}
		check := cluster.HealthChecks[0]
		// A name that the server takes without keys; an idle cluster is checked as often.
		if h := check.GetHttpHealthCheck(); h.GetPath() != "/readyz" || h.GetHost() != "localhost" || check.NoTrafficInterval.AsDuration() > check.Interval.AsDuration() {
			t.Errorf("%v", check)
		}
	}
}
