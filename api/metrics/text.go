package metrics

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"
)

// MediaText is the media type of the Prometheus text format.
const MediaText = "text/plain; version=0.0.4; charset=utf-8"

// Text returns the rendering of everything in the Prometheus text format.
func (m *Set) Text(r *Readings) []byte {
	var raw bytes.Buffer
	for i := range table {
		table[i].text(&raw, r)
	}
	m.set.WritePrometheus(&raw)
	m.size.Store(int64(raw.Len()) + runtimeBytes)
	perName.text(&raw, r)
	metrics.WriteProcessMetrics(&raw)
	metrics.WriteFDMetrics(&raw)
	return annotate(raw.Bytes())
}

// runtimeBytes is more than the series of the process and of the Go runtime take, and
// the text of a set that has never been rendered.
const runtimeBytes = 32 << 10

// Size returns about how many bytes the text takes without the series of single topics
// and routers, which is what they took the last time.
func (m *Set) Size() int { return int(max(m.size.Load(), runtimeBytes)) }

// text writes the series of a section, each family in one piece.
func (s *section) text(w *bytes.Buffer, r *Readings) {
	for _, row := range s.series {
		if row.family == "" {
			continue
		}
		switch v := row.value(r).(type) {
		case nil:
		case []sample:
			for _, x := range v {
				writeSample(w, row.family+"{"+x.labels+"}", x.value)
			}
		default:
			writeSample(w, row.family, v)
		}
	}
}

// writeSample writes one line of the text format. name may carry labels.
func writeSample(w *bytes.Buffer, name string, value any) {
	b := append(append(w.AvailableBuffer(), name...), ' ')
	switch v := value.(type) {
	case bool:
		b = strconv.AppendInt(b, int64(bit(v)), 10)
	case int:
		b = strconv.AppendInt(b, int64(v), 10)
	case int64:
		b = strconv.AppendInt(b, v, 10)
	case uint64:
		b = strconv.AppendUint(b, v, 10)
	case float64:
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
	default:
		panic(fmt.Sprintf("%s is a %T", name, value)) // the table has no other types
	}
	w.Write(append(b, '\n'))
}

// labels renders pairs of names and values.
func labels(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(pairs[i] + `="` + escapeLabel(pairs[i+1]) + `"`)
	}
	return b.String()
}

func bySampleLabels(a, b sample) int { return strings.Compare(a.labels, b.labels) }

// catalogue returns the families by name.
var catalogue = sync.OnceValue(func() map[string]family {
	m := make(map[string]family, len(families))
	for _, f := range families {
		m[f.name] = f
	}
	return m
})

// annotate inserts HELP and TYPE before each family of a text of samples, which
// must have each family in one piece. The library would write them without a
// sentence, and derives the type from the name. A family that the catalogue lacks
// is left out.
func annotate(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/2)
	current := ""
	for line := range bytes.Lines(raw) {
		f, ok := familyOf(line)
		if !ok {
			continue
		}
		if f.name != current {
			current = f.name
			out = append(out, "# HELP "+f.name+" "+f.help+"\n# TYPE "+f.name+" "+f.kind+"\n"...)
		}
		out = append(out, line...)
	}
	return out
}

// familyOf returns the family of a line's sample: the one of its name, or the
// histogram or summary that its name is a part of.
func familyOf(line []byte) (family, bool) {
	end := bytes.IndexAny(line, "{ ")
	if end <= 0 {
		return family{}, false
	}
	name := string(line[:end])
	if f, ok := catalogue()[name]; ok {
		return f, true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, ok := strings.CutSuffix(name, suffix)
		if f := catalogue()[base]; ok && (f.kind == histogram || f.kind == summary) {
			return f, true
		}
	}
	return family{}, false
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// escapeLabel makes s safe between the quotes of a label's value.
func escapeLabel(s string) string { return labelEscaper.Replace(s) }

// bit returns the value of a gauge that is 1 or 0.
func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
