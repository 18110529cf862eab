package records

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// PutCmd appends records.
type PutCmd struct {
	Topic          string   `arg:"" completion:"topic" help:"Topic to write to. It is created if it does not exist."`
	Data           []string `arg:"" optional:"" help:"Data of the records, as JSON; - or nothing means the lines of standard input."`
	Tag            string   `placeholder:"TAG" help:"Tag of the records." xor:"tag"`
	TagFrom        string   `placeholder:"FIELD" help:"Take each record's tag from this field of its data; user.id is a field of a field." xor:"tag"`
	Node           string   `placeholder:"NODE" help:"Node of the records."`
	Raw            bool     `help:"Data is text, not JSON, and is stored as JSON strings."`
	IdempotencyKey string   `placeholder:"TEXT" help:"Makes the same put harmless when it is repeated within the topic's window."`
	ExpectHead     *uint64  `placeholder:"SEQ" help:"Write only if this is the topic's last seq."`
	Class          string   `enum:",ephemeral,memory,disk,fsync" default:"" placeholder:"CLASS" help:"Durability of the topic: ephemeral, memory, disk or fsync. A topic that exists must have it."`
	JSON           bool     `name:"json" help:"Print JSON."`
	Quiet          bool     `short:"q" help:"Print nothing."`
	remote.Flags
}

// Help is printed below the flags.
func (PutCmd) Help() string {
	return `Examples:
  topics put orders '{"id":7731}' --tag order-7731
  topics put notes --raw 'anything at all'
  seq 3 | topics put numbers
  echo '{"user":{"id":"u-17"}}' | topics put logins --tag-from user.id --class fsync`
}

// Run writes and prints which seqs the records have.
func (c *PutCmd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "put", func(server *remote.Connection) error {
		p := &put{PutCmd: c, server: server, key: c.IdempotencyKey, head: c.ExpectHead}
		if p.key == "" {
			p.key = rand.Text() // a retry appends nothing twice
		}
		if err := p.checkClass(ctx); err != nil {
			return err
		}
		err := p.all(ctx)
		if err != nil && p.count > 0 {
			err = fmt.Errorf("after %d records, which are stored: %w", p.count, err)
		}
		return errors.Join(err, p.report())
	})
}

// put is one run.
type put struct {
	*PutCmd
	server *remote.Connection
	key    string  // of the first write; those of the others are made from it
	head   *uint64 // that the next write expects
	writes int
	count  int
	first  uint64
	last   uint64
	again  bool // the server knew the key of a write
}

// checkClass returns an error if the topic exists and has another class.
func (p *put) checkClass(ctx context.Context) error {
	if p.Class == "" {
		return nil
	}
	state, err := p.server.State(ctx, p.Topic)
	switch {
	case client.IsCode(err, client.CodeTopicNotFound):
		return nil
	case err != nil:
		return err
	case state.Config.Durability != p.Class:
		return remote.Advised(fmt.Errorf("topic %q exists and its class is %s, not %s", p.Topic, state.Config.Durability, p.Class),
			fmt.Sprintf("Leave --class out, or change the topic: topics set %s durability=%s", p.Topic, p.Class))
	}
	return nil
}

// all writes everything.
func (p *put) all(ctx context.Context) error {
	if len(p.Data) > 0 && (len(p.Data) > 1 || p.Data[0] != "-") {
		var entries []client.Entry
		for n, data := range p.Data {
			e, err := p.entry([]byte(data))
			if err != nil {
				return fmt.Errorf("record %d: %w", n+1, err)
			}
			entries = append(entries, e)
		}
		return p.write(ctx, entries)
	}
	if terminal.Is(os.Stdin) {
		fmt.Fprintln(os.Stderr, "put: each line is a record; Ctrl-D ends")
	}
	return p.lines(ctx, os.Stdin)
}

// lines writes the lines of in. What has arrived is written together.
func (p *put) lines(ctx context.Context, in io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := readLines(ctx, in)
	for {
		batch, err := nextBatch(ctx, lines)
		var entries []client.Entry
		for _, l := range batch {
			e, invalid := p.entry(l.text)
			if invalid != nil {
				err = fmt.Errorf("line %d: %w", l.number, invalid)
				break
			}
			entries = append(entries, e)
		}
		if len(entries) > 0 {
			if err := p.write(ctx, entries); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// write appends entries once.
func (p *put) write(ctx context.Context, entries []client.Entry) error {
	w := &client.Write{Entries: entries, Node: p.Node, IdempotencyKey: p.key, ExpectedHead: p.head, OmitSeqs: true}
	if p.writes > 0 {
		w.IdempotencyKey = fmt.Sprintf("%s-%d", p.key, p.writes)
	}
	if p.Class != "" {
		w.Config = &client.Config{Durability: p.Class}
	}
	done, err := p.server.Append(ctx, p.Topic, w)
	if err != nil {
		return err
	}
	p.server.Outage.Over()
	p.writes++
	p.count += done.Count
	p.last = done.LastSeq
	if p.first == 0 {
		p.first = done.FirstSeq
	}
	p.again = p.again || done.Deduped
	if p.head != nil {
		p.head = &done.LastSeq
	}
	return nil
}

// entry returns the record with this data.
func (p *put) entry(data []byte) (client.Entry, error) {
	var e client.Entry
	if p.Raw {
		data = Quote(string(data))
	} else if !json.Valid(data) {
		return e, remote.Advised(fmt.Errorf("%s is not JSON", short(data)), "--raw stores text as it is; a JSON string has quotes, which the shell needs quoted: '\"text\"'")
	}
	e.Data = data
	if p.Tag != "" {
		e.Tag = &p.Tag
	}
	if p.TagFrom != "" {
		tag, err := Field(data, p.TagFrom)
		if err != nil {
			return e, err
		}
		e.Tag = &tag
	}
	return e, nil
}

// short returns the beginning of data, quoted.
func short(data []byte) string {
	const most = 40
	if len(data) > most {
		return fmt.Sprintf("%q...", data[:most])
	}
	return fmt.Sprintf("%q", data)
}

// Field returns a field of a JSON object as text. Its name is a path.
func Field(data []byte, path string) (string, error) {
	value := json.RawMessage(data)
	for name := range strings.SplitSeq(path, ".") {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(value, &object); err != nil || object[name] == nil {
			return "", fmt.Errorf("--tag-from: %s has no field %s", short(data), path)
		}
		value = object[name]
	}
	switch value[0] {
	case '"':
		return bare(value), nil
	case '{', '[', 'n':
		return "", fmt.Errorf("--tag-from: field %s is %s, not text or a number", path, short(value))
	}
	return string(value), nil
}

// report prints what was written.
func (p *put) report() error {
	switch {
	case p.Quiet || p.count == 0 && !p.JSON:
		return nil
	case p.JSON:
		return json.NewEncoder(os.Stdout).Encode(map[string]any{
			"topic": p.Topic, "count": p.count, "first_seq": p.first, "last_seq": p.last, "deduped": p.again,
		})
	}
	what := fmt.Sprintf("%d records, seqs %d to %d", p.count, p.first, p.last)
	if p.count == 1 {
		what = fmt.Sprintf("seq %d", p.last)
	}
	if p.again {
		what += ", written before with the same key"
	}
	_, err := fmt.Printf("%s: %s\n", p.Topic, what)
	return err
}
