package top

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// line returns the reading as a line.
func (r *reading) line() string {
	words := []string{
		r.Time.Format("15:04:05"), r.Phase,
		fmt.Sprintf("appends/s %.0f", r.Appends), fmt.Sprintf("deliveries/s %.0f", r.Deliveries),
		fmt.Sprintf("requests/s %.0f", r.Requests), fmt.Sprintf("errors/s %.0f", r.Errors),
		"fsync p99 " + micros(r.SyncP99), fmt.Sprintf("pressure %.2f", r.Pressure),
		fmt.Sprintf("subscribers %d", r.Subscribers), fmt.Sprintf("records %d", r.Records),
	}
	return strings.Join(append(words, r.bad()...), "  ")
}

// bad returns the checks that are not healthy.
func (r *reading) bad() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(r.Checks)) {
		all = append(all, name+" "+r.Checks[name])
	}
	return all
}

// micros returns a time in microseconds for people.
func micros(us *float64) string {
	if us == nil {
		return "-"
	}
	return (time.Duration(*us) * time.Microsecond).String()
}

// screen draws the reading over the last one. It shows as many topics as there
// is room for.
func (r *reading) screen(out io.Writer, url string) error {
	colours := terminal.ColoursFor(out)
	var b bytes.Buffer
	b.WriteString("\x1b[H\x1b[2J") // home, clear
	fmt.Fprintf(&b, "%s  %s, up %s  %s\n\n", colours.Strong(url), r.phase(colours), (time.Duration(r.UptimeMS) * time.Millisecond).Round(time.Second), r.Time.Format("15:04:05"))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "appends/s\t%.0f\t(%s/s)\tfsyncs/s\t%.0f\t\n", r.Appends, terminal.Bytes(int64(r.AppendBytes)), r.Syncs)
	fmt.Fprintf(t, "deliveries/s\t%.0f\t\tfsync p50, p99\t%s\t%s\n", r.Deliveries, micros(r.SyncP50), micros(r.SyncP99))
	fmt.Fprintf(t, "forwards/s\t%.0f\t\tpressure\t%.2f\t\n", r.Forwards, r.Pressure)
	fmt.Fprintf(t, "requests/s\t%.0f\t\tsubscribers\t%d\tof %d connections\n", r.Requests, r.Subscribers, r.Connections)
	fmt.Fprintf(t, "errors/s\t%.0f\t\ttopics\t%d\t%d records, %s\n", r.Errors, r.Topics, r.Records, terminal.Bytes(r.Bytes))
	fmt.Fprintf(t, "claims, acks/s\t%.0f\t%.0f\tdisk free\t%s\t\n", r.Claims, r.Acks, terminal.Bytes(r.DiskFree))
	fmt.Fprintf(t, "jobs\t%d ready\t%d in flight\t%d delayed\t%d dead\t\n", r.Ready, r.InFlight, r.Delayed, r.Dead)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, check := range r.bad() {
		fmt.Fprintln(&b, colours.Bad(check))
	}
	fmt.Fprintln(&b)
	t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TOPIC\tAPPENDS/S\tRECORDS\tBYTES")
	const others = 13 // lines beside those of topics
	for i, busy := range r.Busiest {
		if i+others >= terminal.Height(out) {
			break
		}
		fmt.Fprintf(t, "%s\t%.0f\t%d\t%s\n", busy.Topic, busy.Appends, busy.Records, terminal.Bytes(busy.Bytes))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := out.Write(b.Bytes())
	return err
}

func (r *reading) phase(colours terminal.Colours) string {
	if r.Phase == "ready" {
		return colours.Good(r.Phase)
	}
	return colours.Bad(r.Phase)
}
