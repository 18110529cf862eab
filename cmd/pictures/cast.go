package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// drillArgs are the arguments of the drill that is recorded.
var drillArgs = []string{"drill", "--kills", "5", "--seed", "1"}

// cast is a recording of a terminal in asciinema's format, version 2: a header,
// and a line for each output.
type cast struct {
	header castHeader
	events []castEvent
}

type castHeader struct {
	Version int    `json:"version"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Title   string `json:"title"`
}

// castEvent is a line that was printed, and the seconds since the start.
type castEvent struct {
	at   float64
	line string
}

// recordDrill runs a drill and writes what it prints, with the times.
func recordDrill(ctx context.Context, binary, file string) error {
	cmd := exec.CommandContext(ctx, binary, drillArgs...)
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	cmd.Stdout, cmd.Stderr = writer, writer
	began := time.Now()
	if err := cmd.Start(); err != nil {
		writer.Close()
		return err
	}
	writer.Close() // the child has its own
	c := cast{header: castHeader{Version: 2, Width: 80, Title: title()}}
	for lines := bufio.NewScanner(reader); lines.Scan(); {
		c.events = append(c.events, castEvent{time.Since(began).Seconds(), lines.Text()})
		c.header.Width = max(c.header.Width, len(lines.Text()))
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("the drill: %w", err)
	}
	c.header.Height = len(c.events) + 1
	encoded, err := c.encode()
	if err != nil {
		return err
	}
	return os.WriteFile(file, encoded, 0o644)
}

// title is the command line of the drill.
func title() string {
	line := "topics"
	for _, a := range drillArgs {
		line += " " + a
	}
	return line
}

func (c *cast) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c.header); err != nil {
		return nil, err
	}
	for _, event := range c.events {
		if err := e.Encode([]any{event.at, "o", event.line + "\r\n"}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func decodeCast(text []byte) (*cast, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	c := &cast{}
	if err := d.Decode(&c.header); err != nil {
		return nil, fmt.Errorf("header of the recording: %w", err)
	}
	for d.More() {
		var at float64
		var kind, data string
		if err := d.Decode(&[]any{&at, &kind, &data}); err != nil {
			return nil, fmt.Errorf("event %d of the recording: %w", len(c.events)+1, err)
		}
		c.events = append(c.events, castEvent{at, string(bytes.TrimRight([]byte(data), "\r\n"))})
	}
	return c, nil
}
