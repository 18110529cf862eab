package metrics

import (
	"slices"
	"strings"
)

// labelNames has the labels of the families whose series have any, without le of
// histograms.
var labelNames = map[string][]string{
	"topics_build_info":                     {"version", "go"},
	"topics_evicted_records_total":          {"reason"},
	"topics_health_check":                   {"check", "status"},
	"topics_http_request_duration_seconds":  {"route", "method", "code"},
	"topics_http_requests_total":            {"route", "method", "code"},
	"topics_phase":                          {"phase"},
	"topics_recovery_step_duration_seconds": {"step"},
	"topics_router_forwarded_total":         {"router"},
	"topics_router_lag":                     {"router"},
	"topics_tombstones_total":               {"reason"},
	"topics_topics_by_class":                {"class"},
	"topics_ws_operations_total":            {"op", "code"},
	"go_gc_duration_seconds":                {"quantile"},
	"go_info":                               {"version"},
	"go_info_ext":                           {"compiler", "GOARCH", "GOOS", "GOROOT"},
}

// Description is what the catalogue has of a family.
type Description struct {
	Name, Kind, Help string
	Labels           []string // without le of histograms
}

// Describe returns every family that the server exposes, in the catalogue's order:
// its own and then those of the Go runtime and of the process.
func Describe() []Description {
	all := make([]Description, len(families))
	for i, f := range families {
		all[i] = Description{f.name, f.kind, f.help, labelNamesOf(f.name)}
	}
	return all
}

func labelNamesOf(family string) []string {
	if strings.HasPrefix(family, "topics_topic_") && family != "topics_topic_metrics_truncated" {
		return []string{"topic"}
	}
	return slices.Clone(labelNames[family])
}
