// Package load implements `topics load`, which writes a file to a topic, in
// order and each record exactly once, however often the load or the server is
// killed and restarted.
//
// Record n of the input becomes seq n. Every batch states the head it expects
// and has an idempotency key made from its offset, so neither a retry after a
// lost answer nor a second load can append it twice. A load that is restarted
// asks for the head, compares the record there with its line, and continues
// after it.
//
// A load that appends writes after what the topic has, whatever it is, and
// others may write meanwhile. The keys keep its retries from being appended
// twice, but a second load appends everything again.
package load

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// Cmd is the subcommand with its arguments.
type Cmd struct {
	File       string `arg:"" optional:"" default:"-" completion:"file" help:"File to load; - is standard input. What is compressed with gzip or zstd is decompressed."`
	Topic      string `short:"t" required:"" completion:"topic" help:"Topic to load into. Unless --append is given, nothing else may write to it."`
	As         string `enum:"records,json,csv,text" default:"records" help:"What a line is: records, as topics tail prints them or a write has them; json, the data of a record; csv, a row below a line of names, which becomes an object; text, a string."`
	Append     bool   `help:"Append to what the topic has, instead of going on where an earlier load of the same file ended."`
	TagFrom    string `placeholder:"FIELD" help:"Take each record's tag from this field of its data; user.id is a field of a field."`
	Durability string `aliases:"class" enum:",ephemeral,memory,disk,fsync" default:"" placeholder:"CLASS" help:"Durability of the topic if the load creates it: ephemeral, memory, disk or fsync."`
	Batch      int    `default:"1000" help:"Maximum records in one write."`
	BatchBytes int    `default:"4194304" help:"Approximate bytes of one write."`
	Quiet      bool   `short:"q" help:"Do not show progress."`
	JSON       bool   `name:"json" help:"Print the summary as JSON."`
	remote.Flags
}

// Help is printed below the flags.
func (Cmd) Help() string {
	return `A load that was stopped goes on where it was when it is run again with the same file.

Examples:
  topics load --topic events events.jsonl
  topics load --topic people --as csv people.csv --tag-from name
  gzip -c events.jsonl | topics load --append --topic events --as records
  topics tail orders --from 0 | topics load --append --topic orders-copy`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if c.Batch < 1 || c.BatchBytes < 1 {
		return errors.New("--batch and --batch-bytes must be at least 1")
	}
	return nil
}

// Run loads the file and prints a summary.
func (c *Cmd) Run(ctx context.Context) error {
	return c.run(ctx, os.Stdin, os.Stdout, os.Stderr)
}

func (c *Cmd) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	in, err := open(c.File, stdin, form{as: c.As, tagFrom: c.TagFrom})
	if err != nil {
		return err
	}
	server, err := c.Connect(ctx, "load")
	if err != nil {
		in.close()
		return err
	}
	defer server.Close()
	server.Outage.W = stderr
	l := &loader{api: server.Client, topic: c.Topic, durability: c.Durability, appending: c.Append, notice: server.Outage, keys: rand.Text()}
	skipped, err := l.resume(ctx, in)
	if err != nil {
		in.close()
		return err
	}
	m := newMeter(stderr, c.Quiet, in.size, in.raw.n)
	err = l.send(ctx, in, skipped, c.Batch, c.BatchBytes, m)
	m.progress.End()
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(stdout).Encode(m.result(c.Topic, skipped))
	}
	_, err = fmt.Fprintln(stdout, m.summary(c.Topic, skipped))
	return err
}

// loader is one run.
type loader struct {
	api        *client.Client
	topic      string
	durability string
	appending  bool
	create     bool // the topic does not exist yet
	notice     *remote.Outage
	// keys is the prefix of this run's idempotency keys. It is different in each
	// run, so that another run's writes are never taken for repeats.
	keys string
}

// resume skips the records of the input that the topic already has, and returns
// their number.
func (l *loader) resume(ctx context.Context, in *input) (uint64, error) {
	state, err := l.api.State(ctx, l.topic)
	if client.IsCode(err, client.CodeTopicNotFound) {
		l.create = true
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	l.notice.Over()
	if l.durability != "" && l.durability != state.Config.Durability {
		return 0, fmt.Errorf("topic %q exists and is %s, not %s: leave --durability out, or change the topic",
			l.topic, state.Config.Durability, l.durability)
	}
	if l.appending {
		return 0, nil
	}
	var line []byte
	for n := range state.HeadSeq {
		if line, err = in.next(); errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("topic %q has %d records but %s only %d: it was not loaded from this input; --append writes after them",
				l.topic, state.HeadSeq, in.name, n)
		}
		if err != nil {
			return 0, err
		}
	}
	if state.HeadSeq == 0 {
		return 0, nil
	}
	want, err := in.form.parse(line)
	if err != nil {
		return 0, in.fault(err)
	}
	return state.HeadSeq, l.verify(ctx, state.HeadSeq, want)
}

// verify compares the record at seq with that of the input.
func (l *loader) verify(ctx context.Context, seq uint64, want record) error {
	b, err := l.api.Diff(ctx, l.topic, client.Query{From: seq - 1, Limit: 1, IncludeTags: true})
	if err != nil {
		return err
	}
	if len(b.Records) == 0 || b.Records[0].Seq != seq {
		return fmt.Errorf("topic %q no longer has record %d, so it cannot be compared with the input; load into a fresh topic",
			l.topic, seq)
	}
	if got := &b.Records[0]; !bytes.Equal(got.Data, want.data) || !bytes.Equal(got.Meta, want.meta) ||
		!equal(got.Tag, want.tag) || !equal(got.Node, want.node) {
		return fmt.Errorf("record %d of topic %q is not record %d of the input: the topic was not loaded from it, or something else writes to it",
			seq, l.topic, seq)
	}
	return nil
}

func equal(a, b *string) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// send writes the input from record offset on. It closes the input. A read that
// blocks on a pipe delays neither an error of the server nor the end of ctx.
func (l *loader) send(ctx context.Context, in *input, offset uint64, records, bytes int, m *meter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ahead := batches(ctx, in, offset, records, bytes)
	for {
		select {
		case b, some := <-ahead:
			if !some {
				return ctx.Err()
			}
			if b.err != nil {
				return b.err
			}
			if err := l.append(ctx, &b); err != nil {
				return fmt.Errorf("records %d to %d: %w", b.offset+1, b.end(), err)
			}
			l.notice.Over()
			m.add(len(b.entries), b.bytes, b.at)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end returns the seq of the batch's last record.
func (b *batch) end() uint64 { return b.offset + uint64(len(b.entries)) }

// append writes one batch exactly once.
func (l *loader) append(ctx context.Context, b *batch) error {
	w := &client.Write{
		Entries:        b.entries,
		IdempotencyKey: fmt.Sprintf("load-%s-%d", l.keys, b.offset),
		Create:         &l.create,
		OmitSeqs:       true,
	}
	if !l.appending {
		w.ExpectedHead = &b.offset
	}
	if l.create && l.durability != "" {
		w.Config = &client.Config{Durability: l.durability}
	}
	done, err := l.api.Append(ctx, l.topic, w)
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Code == client.CodeSeqMismatch:
		return l.resolve(ctx, b, refused)
	case err != nil:
		return err
	case done.Count != len(b.entries) || done.LastSeq != b.end() && !l.appending:
		return fmt.Errorf("the server stored %d records up to seq %d: something else writes to topic %q",
			done.Count, done.LastSeq, l.topic)
	}
	l.create = false
	return nil
}

// resolve decides what a mismatch of the head means. If the head is the end of
// the batch, an earlier attempt succeeded and its key has been forgotten since.
func (l *loader) resolve(ctx context.Context, b *batch, refused *client.Error) error {
	head, ok := refused.Uint("head_seq")
	switch {
	case ok && head < b.offset:
		return fmt.Errorf("topic %q went back to seq %d: a crash lost records, which its durability allows; run the load again", l.topic, head)
	case !ok || head != b.end():
		return fmt.Errorf("topic %q is at seq %d: something else writes to it, or a crash left a gap", l.topic, head)
	}
	l.create = false
	return l.verify(ctx, head, b.last)
}
