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
		"appends/s " + whole(r.Appends), "deliveries/s " + whole(r.Deliveries),
		"requests/s " + whole(r.Requests), "errors/s " + whole(r.Errors),
		"fsync p99 " + micros(r.SyncP99), "pressure " + ratio(r.Pressure),
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

// unknown stands for a value that is not known.
const unknown = "-"

// whole returns a value without decimal places.
func whole(v *float64) string {
	return shown(v, func(v float64) string { return fmt.Sprintf("%.0f", v) })
}

// ratio returns a value with two decimal places.
func ratio(v *float64) string {
	return shown(v, func(v float64) string { return fmt.Sprintf("%.2f", v) })
}

// size returns a number of bytes for people.
func size(v *float64) string {
	return shown(v, func(v float64) string { return terminal.Bytes(int64(v)) })
}

// micros returns a time in microseconds for people.
func micros(us *float64) string {
	return shown(us, func(us float64) string { return (time.Duration(us) * time.Microsecond).String() })
}

func shown(v *float64, format func(float64) string) string {
	if v == nil {
		return unknown
	}
	return format(*v)
}

// screen draws the reading over the last one. It shows as many topics as there
// is room for, and a plot if there is room for all of them.
func (r *reading) screen(out io.Writer, url string) error {
	colours := terminal.ColoursFor(out)
	var b bytes.Buffer
	b.WriteString("\x1b[H\x1b[2J") // home, clear
	fmt.Fprintf(&b, "%s  %s, up %s  %s\n\n", colours.Strong(url), r.phase(colours), (time.Duration(r.UptimeMS) * time.Millisecond).Round(time.Second), r.Time.Format("15:04:05"))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "appends/s\t%s\t(%s/s)\tfsyncs/s\t%s\t\n", whole(r.Appends), size(r.AppendBytes), whole(r.Syncs))
	fmt.Fprintf(t, "deliveries/s\t%s\t\tfsync p50, p99\t%s\t%s\n", whole(r.Deliveries), micros(r.SyncP50), micros(r.SyncP99))
	fmt.Fprintf(t, "forwards/s\t%s\t\tpressure\t%s\t\n", whole(r.Forwards), ratio(r.Pressure))
	fmt.Fprintf(t, "requests/s\t%s\t\tsubscribers\t%d\tof %d connections\n", whole(r.Requests), r.Subscribers, r.Connections)
	fmt.Fprintf(t, "errors/s\t%s\t\ttopics\t%d\t%d records, %s\n", whole(r.Errors), r.Topics, r.Records, terminal.Bytes(r.Bytes))
	fmt.Fprintf(t, "claims, acks/s\t%s\t%s\tdisk free\t%s\t\n", whole(r.Claims), whole(r.Acks), size(r.DiskFree))
	fmt.Fprintf(t, "jobs\t%s ready\t%s in flight\t%s delayed\t%s dead\t\n", whole(r.Ready), whole(r.InFlight), whole(r.Delayed), whole(r.Dead))
	if err := t.Flush(); err != nil {
		return err
	}
	for _, check := range r.bad() {
		fmt.Fprintln(&b, colours.Bad(check))
	}
	fmt.Fprintln(&b)
	height := terminal.Height(out)
	const others = 13 // lines beside those of topics and the plot
	if err := r.topics(&b, height-others); err != nil {
		return err
	}
	if height >= others+mostBusy+terminal.PlotLines && len(r.past) > 1 {
		fmt.Fprintf(&b, "\n%s\n", terminal.Plot(out, "appends/s in the last ten minutes", r.past))
	}
	_, err := out.Write(b.Bytes())
	return err
}

// topics writes a table of the busiest topics, at most so many.
func (r *reading) topics(w io.Writer, most int) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TOPIC\tAPPENDS/S IN A MINUTE\tRECORDS\tBYTES")
	for _, busy := range r.Busiest[:min(len(r.Busiest), max(most, 0))] {
		fmt.Fprintf(t, "%s\t%.1f\t%d\t%s\n", busy.Topic, busy.Appends, busy.Records, terminal.Bytes(busy.Bytes))
	}
	return t.Flush()
}

func (r *reading) phase(colours terminal.Colours) string {
	if r.Phase == "ready" {
		return colours.Good(r.Phase)
	}
	return colours.Bad(r.Phase)
}
