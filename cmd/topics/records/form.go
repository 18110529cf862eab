// Package records has the commands that write, read, follow and delete records.
package records

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// Form is how records are printed: by default as JSON lines, as the server
// delivers them.
type Form struct {
	Pretty bool   `xor:"form" help:"Print lines for people: seq, time, tag, node, data."`
	Raw    bool   `xor:"form" help:"Print only the data; strings without quotes and escapes."`
	Format string `xor:"form" placeholder:"TEXT" help:"Print this for each record, with {topic}, {seq}, {ts}, {time}, {tag}, {node}, {data}, {meta} replaced; \\n and \\t are a line end and a tab."`
}

// Validate is called by kong.
func (f *Form) Validate() error {
	_, err := f.parts()
	return err
}

// printer prints records of one or several topics.
type printer struct {
	out     *bufio.Writer
	lost    io.Writer // receives losses
	form    *Form
	parts   []part // of the format
	several bool   // each record names its topic
	colours terminal.Colours
}

// part is text, or the name of what to print.
type part struct{ text, name string }

// printer returns a printer. Validate has looked at the form.
func (f *Form) printer(out, lost io.Writer, several bool) *printer {
	parts, _ := f.parts()
	return &printer{
		out: bufio.NewWriter(out), lost: lost, form: f, parts: parts, several: several,
		colours: terminal.ColoursFor(out),
	}
}

// fields are the names that a format may have.
var fields = map[string]func(topic string, r *client.Record) string{
	"topic": func(topic string, _ *client.Record) string { return topic },
	"seq":   func(_ string, r *client.Record) string { return strconv.FormatUint(r.Seq, 10) },
	"ts":    func(_ string, r *client.Record) string { return strconv.FormatInt(r.TS, 10) },
	"time":  func(_ string, r *client.Record) string { return moment(r.TS) },
	"tag":   func(_ string, r *client.Record) string { return text(r.Tag) },
	"node":  func(_ string, r *client.Record) string { return text(r.Node) },
	"data":  func(_ string, r *client.Record) string { return string(oneLine(r.Data)) },
	"meta":  func(_ string, r *client.Record) string { return string(oneLine(r.Meta)) },
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// parts takes the format apart.
func (f *Form) parts() ([]part, error) {
	rest := strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(f.Format)
	var parts []part
	for rest != "" {
		before, after, found := strings.Cut(rest, "{")
		name, tail, closed := strings.Cut(after, "}")
		switch {
		case !found:
			return append(parts, part{text: rest}), nil
		case !closed || fields[name] == nil:
			return nil, fmt.Errorf("--format: {%s is none of {topic}, {seq}, {ts}, {time}, {tag}, {node}, {data}, {meta}", after)
		}
		parts = append(parts, part{text: before}, part{name: name})
		rest = tail
	}
	return parts, nil
}

// record prints one record.
func (p *printer) record(topic string, r *client.Record) error {
	var err error
	switch {
	case p.form.Pretty:
		_, err = fmt.Fprintln(p.out, p.pretty(topic, r))
	case p.form.Raw:
		_, err = fmt.Fprintln(p.out, bare(r.Data))
	case p.form.Format != "":
		for _, part := range p.parts {
			text := part.text
			if part.name != "" {
				text = fields[part.name](topic, r)
			}
			if _, err = p.out.WriteString(text); err != nil {
				return err
			}
		}
	case p.several:
		if _, err = fmt.Fprintf(p.out, `{"$topic":%q,`, topic); err == nil {
			err = WriteLine(p.out, bytes.TrimLeft(r.Raw, "{ \r\n\t"))
		}
	default:
		err = WriteLine(p.out, r.Raw)
	}
	return err
}

func (p *printer) pretty(topic string, r *client.Record) string {
	words := []string{p.colours.Strong(strconv.FormatUint(r.Seq, 10)), p.colours.Faint(moment(r.TS))}
	if p.several {
		words = append([]string{p.colours.Name(topic)}, words...)
	}
	if r.Tag != nil {
		words = append(words, p.colours.Good(*r.Tag))
	}
	if r.Node != nil {
		words = append(words, p.colours.Changed("@"+*r.Node))
	}
	words = append(words, string(oneLine(r.Data)))
	if r.Meta != nil {
		words = append(words, p.colours.Faint(string(oneLine(r.Meta))))
	}
	return strings.Join(words, "  ")
}

// Quote returns text as a JSON string. What is not UTF-8 is replaced.
func Quote(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // strings cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// bare returns a JSON string as its text, and any other value as it is.
func bare(data []byte) string {
	var s string
	if len(data) > 0 && data[0] == '"' && json.Unmarshal(data, &s) == nil {
		return s
	}
	return string(oneLine(data))
}

// loss prints a tombstone or a deletion.
func (p *printer) loss(event client.Event) error {
	switch event := event.(type) {
	case client.Tombstone:
		if p.form.Pretty {
			_, err := fmt.Fprintln(p.lost, p.colours.Bad(fmt.Sprintf("%s: seqs %d to %d are lost: %s", event.Topic, event.GapFrom, event.GapTo, event.Reason)))
			return err
		}
		if !p.several {
			event.Topic = ""
		}
		return json.NewEncoder(p.lost).Encode(map[string]any{"tombstone": event})
	case client.TopicDeleted:
		if p.form.Pretty {
			_, err := fmt.Fprintln(p.lost, p.colours.Bad(event.Topic+" was deleted"))
			return err
		}
		return json.NewEncoder(p.lost).Encode(map[string]any{"topic_deleted": event})
	}
	return nil
}

// WriteLine writes a record as one line.
func WriteLine(out *bufio.Writer, raw []byte) error {
	if _, err := out.Write(oneLine(raw)); err != nil {
		return err
	}
	return out.WriteByte('\n')
}

// oneLine replaces line ends by spaces. A verbatim payload may have them between
// its tokens, but not inside strings.
func oneLine(raw []byte) []byte {
	if !bytes.ContainsAny(raw, "\r\n") {
		return raw
	}
	return bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, raw)
}
