package metrics

import (
	"bytes"
	"slices"
	"strings"
)

// bucketJSON is one bucket of a histogram: how many values are at most le.
type bucketJSON struct {
	Le    string `json:"le"`
	Count uint64 `json:"count"`
}

// histogramJSON is one histogram, with the labels of its series other than le.
type histogramJSON struct {
	labelsJSON
	Count   uint64       `json:"count"`
	Sum     float64      `json:"sum"`
	Buckets []bucketJSON `json:"buckets"`
}

// countJSON is one counter with its labels.
type countJSON struct {
	labelsJSON
	Count uint64 `json:"count"`
}

// labelsJSON are the labels that the server's own series have.
type labelsJSON struct {
	Route  string `json:"route,omitempty"`
	Method string `json:"method,omitempty"`
	Op     string `json:"op,omitempty"`
	Code   string `json:"code,omitempty"`
}

// mirror has what the server counts itself, by the name of the family. It is read
// from the text of the series.
type mirror struct {
	counts     map[string][]countJSON
	histograms map[string][]histogramJSON
}

// mirror reads the set's series. The library shows the buckets of a histogram in
// its text only.
func (m *Set) mirror() mirror {
	var raw bytes.Buffer
	m.set.WritePrometheus(&raw)
	out := mirror{map[string][]countJSON{}, map[string][]histogramJSON{}}
	for text := range bytes.Lines(raw.Bytes()) {
		if f, ok := familyOf(text); ok {
			out.add(&f, parseLine(text))
		}
	}
	return out
}

// add adds one line. The lines of a histogram follow each other, its buckets
// first.
func (m *mirror) add(f *family, s parsed) {
	labels, le := labelsOf(s.labels)
	if f.kind != histogram {
		m.counts[f.name] = append(m.counts[f.name], countJSON{labels, uint64(s.value)})
		return
	}
	all := m.histograms[f.name]
	i := slices.IndexFunc(all, func(h histogramJSON) bool { return h.labelsJSON == labels })
	if i < 0 {
		i = len(all)
		all = append(all, histogramJSON{labelsJSON: labels, Buckets: []bucketJSON{}})
		m.histograms[f.name] = all
	}
	switch h := &all[i]; {
	case strings.HasSuffix(s.name, "_bucket"):
		h.Buckets = append(h.Buckets, bucketJSON{le, uint64(s.value)})
	case strings.HasSuffix(s.name, "_sum"):
		h.Sum = s.value
	default:
		h.Count = uint64(s.value)
	}
}

func labelsOf(list []Label) (labels labelsJSON, le string) {
	for _, l := range list {
		switch l.Name {
		case "route":
			labels.Route = l.Value
		case "method":
			labels.Method = l.Value
		case "op":
			labels.Op = l.Value
		case "code":
			labels.Code = l.Value
		case "le":
			le = l.Value
		}
	}
	return labels, le
}

// one returns a histogram without labels, which is empty if nothing was observed.
func (m *mirror) one(name string) histogramJSON {
	if all := m.histograms[name]; len(all) > 0 {
		return all[0]
	}
	return histogramJSON{Buckets: []bucketJSON{}}
}

// addTo adds the fields of the JSON rendering.
func (m *mirror) addTo(out map[string]any) {
	out["http_requests"] = orEmpty(m.counts["topics_http_requests_total"])
	out["http_request_duration_seconds"] = orEmpty(m.histograms["topics_http_request_duration_seconds"])
	out["ws_operations"] = orEmpty(m.counts["topics_ws_operations_total"])
	out["delivery_delay_seconds"] = m.one("topics_delivery_delay_seconds")
	out["queue_claim_duration_seconds"] = m.one("topics_queue_claim_duration_seconds")
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
