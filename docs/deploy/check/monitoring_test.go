package check

import (
	"bufio"
	"maps"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const monitored = chartDir + "/ci/monitored-values.yaml"

// monitor is the part of a ServiceMonitor that the chart uses; its type is the
// Prometheus operator's.
type monitor struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       struct {
		SampleLimit int `json:"sampleLimit"`
		Selector    struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		Endpoints []struct {
			Port          string         `json:"port"`
			Path          string         `json:"path"`
			Interval      string         `json:"interval"`
			ScrapeTimeout string         `json:"scrapeTimeout"`
			Authorization map[string]any `json:"authorization"`
		} `json:"endpoints"`
	} `json:"spec"`
}

func monitors(t *testing.T, text string) (all []monitor) {
	t.Helper()
	for reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text))); ; {
		doc, err := reader.Read()
		if err != nil {
			return all
		}
		if strings.Contains(string(doc), "kind: ServiceMonitor\n") {
			all = append(all, as[monitor](t, doc))
		}
	}
}

// Monitoring selects the Service that has the pod in every phase, and no other, and
// bounds what a scrape costs.
func TestMonitoringSelectsTheOperatorsService(t *testing.T) {
	text := render(t, monitored)
	all := monitors(t, text)
	if len(all) != 1 || len(all[0].Spec.Endpoints) != 1 {
		t.Fatalf("%+v", all)
	}
	m := all[0].Spec
	var selected []core.Service
	for _, s := range decode(t, text).services {
		missing := maps.Clone(m.Selector.MatchLabels)
		maps.DeleteFunc(missing, func(name, value string) bool { return s.Labels[name] == value })
		if len(missing) == 0 {
			selected = append(selected, s)
		}
	}
	if len(selected) != 1 || !selected[0].Spec.PublishNotReadyAddresses {
		t.Fatalf("it selects %+v", selected)
	}
	e := m.Endpoints[0]
	served := slices.ContainsFunc(selected[0].Spec.Ports, func(p core.ServicePort) bool { return p.Name == e.Port })
	if !served || e.Path != "/v0/metrics" || e.Interval != "15s" || e.ScrapeTimeout != "10s" || m.SampleLimit != 50000 || e.Authorization["credentials"] == nil {
		t.Errorf("it scrapes %+v of at most %d samples", e, m.SampleLimit)
	}
}

// Clients reach the data port alone, monitoring the operators' alone; both are ports
// of the container.
func TestNetworkPolicy(t *testing.T) {
	o := decode(t, render(t, monitored))
	if len(o.policies) != 1 {
		t.Fatalf("%d policies", len(o.policies))
	}
	spec := o.policies[0].Spec
	if !slices.Equal(spec.PolicyTypes, []networking.PolicyType{networking.PolicyTypeIngress}) || !maps.Equal(spec.PodSelector.MatchLabels, o.sets[0].Spec.Template.Labels) {
		t.Errorf("it is of %v, for %v", spec.PolicyTypes, spec.PodSelector.MatchLabels)
	}
	peers := map[string]networking.NetworkPolicyPeer{}
	for _, rule := range spec.Ingress {
		if len(rule.Ports) != 1 || len(rule.From) != 1 {
			t.Fatalf("%+v", rule)
		}
		peers[rule.Ports[0].Port.StrVal] = rule.From[0]
	}
	for _, p := range o.sets[0].Spec.Template.Spec.Containers[0].Ports {
		if _, ok := peers[p.Name]; !ok {
			t.Errorf("nothing reaches the port %s", p.Name)
		}
	}
	if len(peers) != 2 || peers["data"].PodSelector.MatchLabels["topics-client"] != "true" || peers["ops"].NamespaceSelector == nil {
		t.Errorf("%+v", peers)
	}
}
