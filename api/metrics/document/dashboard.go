package main

import (
	"encoding/json"
	"log"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/metrics"
)

// section is a row of the dashboard: the families whose names have one of the
// prefixes and that no earlier section has.
type section struct {
	title    string
	prefixes []string
}

var sections = []section{
	{"Start and health", []string{"topics_ready", "topics_phase", "topics_recovery_", "topics_health_", "topics_uptime_", "topics_build_"}},
	{"Queues", []string{"topics_queue_", "topics_topic_queue_"}},
	{"Routers", []string{"topics_router", "topics_forwarded_"}},
	{"Clients", []string{"topics_http_", "topics_sse_", "topics_ws_", "topics_watch_", "topics_connections", "topics_max_connections", "topics_delivery_"}},
	{"Log", []string{"topics_wal_", "topics_pressure"}},
	{"Checkpoints, segments, disk", []string{
		"topics_checkpoint", "topics_segment", "topics_merge", "topics_reclaimed_", "topics_relocations_", "topics_cold_", "topics_cache_",
		"topics_disk_", "topics_storage_", "topics_reserve_", "topics_damaged_", "topics_verify_",
	}},
	{"Archive and backups", []string{"topics_archive", "topics_backup"}},
	{"Topics and the rest", []string{"topics_"}},
	{"Process", []string{
		"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds", "process_num_threads",
		"process_io_storage_", "process_start_time_seconds", "go_goroutines", "go_memlimit_bytes", "go_memstats_heap_inuse_bytes",
		"go_gc_pauses_seconds", "go_sched_latencies_seconds",
	}},
}

// overview is the panels above the sections: what one looks at first.
var overview = []panel{
	{Title: "Phase", Kind: "stat", Targets: []target{{"topics_phase{SERVERS} == 1", "{{instance}} {{phase}}"}}},
	{Title: "Checks that are not healthy", Kind: "timeseries", Targets: []target{
		{`sum by (instance, check, status) (topics_health_check{SERVERS, status!="healthy"})`, "{{instance}} {{check}} {{status}}"},
	}},
	{Title: "Progress of the replay", Kind: "timeseries", Unit: "percentunit", Targets: []target{{"topics_recovery_progress{SERVERS}", "{{instance}}"}}},
	{Title: "Records per second", Kind: "timeseries", Unit: "ops", Targets: []target{
		{"rate(topics_appended_records_total{SERVERS}[RANGE])", "{{instance}} appended"},
		{"rate(topics_delivered_records_total{SERVERS}[RANGE])", "{{instance}} delivered"},
	}},
	{Title: "Requests per second by code", Kind: "timeseries", Unit: "reqps", Targets: []target{
		{"sum by (instance, code) (rate(topics_http_requests_total{SERVERS}[RANGE]))", "{{instance}} {{code}}"},
	}},
	{Title: "Time of a sync, 99 of 100", Kind: "timeseries", Unit: "µs", Targets: []target{
		{"histogram_quantile(0.99, sum by (instance, le) (rate(topics_wal_fsync_latency_us_bucket{SERVERS}[RANGE])))", "{{instance}}"},
	}},
	{Title: "Sync or write under way", Kind: "timeseries", Unit: "s", Targets: []target{
		{"topics_wal_sync_in_flight_seconds{SERVERS}", "{{instance}} sync"},
		{"topics_wal_write_in_flight_seconds{SERVERS}", "{{instance}} write"},
	}},
	{Title: "Pressure", Kind: "timeseries", Unit: "percentunit", Targets: []target{{"topics_pressure{SERVERS}", "{{instance}}"}}},
	{Title: "Disk in use", Kind: "timeseries", Unit: "percentunit", Targets: []target{
		{"1 - topics_disk_free_bytes{SERVERS} / topics_disk_size_bytes{SERVERS}", "{{instance}}"},
	}},
	{Title: "Memory", Kind: "timeseries", Unit: "bytes", Targets: []target{
		{"process_resident_memory_bytes{SERVERS}", "{{instance}} resident"},
		{"go_memlimit_bytes{SERVERS}", "{{instance}} limit of the Go runtime"},
	}},
}

// panel is a panel of the dashboard.
type panel struct {
	Title, Help, Kind, Unit string
	Targets                 []target
}

// target is a query, in which SERVERS is what selects the servers chosen and RANGE
// the range of a rate, and the legend of its series.
type target struct{ Query, Legend string }

// dashboard returns the dashboard of Grafana.
func dashboard() []byte {
	var panels []any
	y, id := 0, 1
	panels = append(panels, placed(overview, &y, &id)...)
	taken := map[string]bool{}
	for _, s := range sections {
		var inside []panel
		for _, f := range metrics.Describe() {
			if !taken[f.Name] && slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(f.Name, p) }) {
				taken[f.Name] = true
				inside = append(inside, ofFamily(f)...)
			}
		}
		row := map[string]any{"id": id, "type": "row", "title": s.title, "collapsed": true, "gridPos": grid(0, y, 24, 1)}
		y++
		id++
		row["panels"] = placed(inside, &y, &id)
		panels = append(panels, row)
	}
	text, err := json.MarshalIndent(map[string]any{
		"id": nil, "uid": "topics", "title": "topics", "tags": []string{"topics"}, "schemaVersion": 39, "version": 1, "editable": true,
		"refresh": "15s", "time": map[string]any{"from": "now-1h", "to": "now"}, "timezone": "browser", "graphTooltip": 1,
		"templating":  map[string]any{"list": variables()},
		"annotations": map[string]any{"list": annotations()},
		"panels":      panels,
	}, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	return append(text, '\n')
}

// ofFamily returns the panels of a family: one, or for a histogram its quantiles
// and its heat map.
func ofFamily(f metrics.Description) []panel {
	by := strings.Join(append([]string{"instance"}, f.Labels...), ", ")
	legend := "{{instance}}"
	for _, l := range f.Labels {
		legend += " {{" + l + "}}"
	}
	title := strings.TrimPrefix(f.Name, "topics_")
	switch f.Kind {
	case "counter":
		title = strings.TrimSuffix(title, "_total")
		return []panel{{title, f.Help, "timeseries", perSecond(unit(title)), []target{
			{"sum by (" + by + ") (rate(" + f.Name + "{SERVERS}[RANGE]))", legend},
		}}}
	case "histogram":
		var quantiles []target
		for _, q := range []string{"0.5", "0.99"} {
			quantiles = append(quantiles, target{
				"histogram_quantile(" + q + ", sum by (" + by + ", le) (rate(" + f.Name + "_bucket{SERVERS}[RANGE])))", legend + " " + q,
			})
		}
		return []panel{
			{title, f.Help, "timeseries", unit(title), quantiles},
			{title + ", all", f.Help, "heatmap", unit(title), []target{{"sum by (le) (increase(" + f.Name + "_bucket{SERVERS}[RANGE]))", "{{le}}"}}},
		}
	default:
		return []panel{{title, f.Help, "timeseries", unit(title), []target{{f.Name + "{SERVERS}", legend}}}}
	}
}

// unit returns Grafana's name of the unit that a family's name ends with.
func unit(name string) string {
	for suffix, unit := range map[string]string{"bytes": "bytes", "seconds": "s", "_ms": "ms", "_us": "µs", "_progress": "percentunit"} {
		if strings.HasSuffix(name, suffix) {
			return unit
		}
	}
	return "short"
}

func perSecond(unit string) string {
	switch unit {
	case "bytes":
		return "Bps"
	case "s":
		return "percentunit" // seconds in each second
	}
	return "ops"
}

// Grafana has 24 columns; three panels are beside each other.
const (
	width  = 8
	height = 7
)

// placed returns panels from the line y on, with the ids from id on, and moves
// both.
func placed(list []panel, y, id *int) []any {
	all := []any{}
	for i, p := range list {
		all = append(all, p.json(*id, grid(i%3*width, *y+i/3*height, width, height)))
		*id++
	}
	*y += (len(list) + 2) / 3 * height
	return all
}

func grid(x, y, w, h int) map[string]int { return map[string]int{"x": x, "y": y, "w": w, "h": h} }

func (p panel) json(id int, at map[string]int) map[string]any {
	var targets []any
	for i, t := range p.Targets {
		query := strings.NewReplacer("SERVERS", `job=~"$job", instance=~"$instance"`, "RANGE", "$__rate_interval").Replace(t.Query)
		of := map[string]any{"refId": string(rune('A' + i)), "datasource": source(), "expr": query, "legendFormat": t.Legend}
		if p.Kind == "heatmap" {
			of["format"] = "heatmap"
		}
		if p.Kind == "stat" {
			of["instant"] = true
		}
		targets = append(targets, of)
	}
	panel := map[string]any{
		"id": id, "type": p.Kind, "title": p.Title, "description": p.Help, "datasource": source(), "gridPos": at, "targets": targets,
		"fieldConfig": map[string]any{"defaults": map[string]any{"unit": p.Unit, "min": 0}, "overrides": []any{}},
	}
	if p.Kind == "stat" {
		panel["options"] = map[string]any{"textMode": "name", "graphMode": "none", "reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}}}
	}
	return panel
}

func source() map[string]string {
	return map[string]string{"type": "prometheus", "uid": "${datasource}"}
}

func variables() []any {
	ofLabel := func(name, query string) map[string]any {
		return map[string]any{
			"name": name, "type": "query", "datasource": source(), "query": query, "definition": query, "refresh": 2, "sort": 1,
			"multi": true, "includeAll": true, "allValue": ".+", "current": map[string]any{"text": "All", "value": "$__all"},
		}
	}
	return []any{
		map[string]any{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
		ofLabel("job", "label_values(topics_ready, job)"),
		ofLabel("instance", `label_values(topics_ready{job=~"$job"}, instance)`),
	}
}

func annotations() []any {
	return []any{map[string]any{
		"name": "Alerts", "datasource": source(), "enable": true, "iconColor": "red", "titleFormat": "{{alertname}}", "textFormat": "{{instance}}",
		"expr": `ALERTS{alertname=~"Topics.*", alertstate="firing", job=~"$job"}`,
	}}
}
