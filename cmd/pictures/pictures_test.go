package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

const pictures = "../../docs/pictures"

// TestPicturesAreDrawnFromTheirData holds that the pictures are what the program
// draws from the data beside them, and that they are well-formed.
func TestPicturesAreDrawnFromTheirData(t *testing.T) {
	drawn, err := draw(os.DirFS(pictures))
	if err != nil {
		t.Fatal(err)
	}
	if len(drawn) != 3 {
		t.Errorf("%d pictures", len(drawn))
	}
	for name, picture := range drawn {
		kept, err := os.ReadFile(filepath.Join(pictures, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(kept, picture) {
			t.Errorf("%s is not what go run ./cmd/pictures draws", name)
		}
		d := xml.NewDecoder(bytes.NewReader(picture))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestCast(t *testing.T) {
	c := &cast{header: castHeader{Version: 2, Width: 80, Height: 3, Title: "topics drill"}, events: []castEvent{{0.5, `a "quoted" <line>`}, {1.25, ""}}}
	text, err := c.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeCast(text)
	if err != nil || got.header != c.header || len(got.events) != 2 || got.events[0] != c.events[0] || got.events[1] != c.events[1] {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := decodeCast([]byte("{}\n[1,2]\n")); err == nil {
		t.Error("a damaged recording is taken")
	}
}

func TestShort(t *testing.T) {
	for value, want := range map[float64]string{1: "1", 64: "64", 100e3: "100k", 5e6: "5M", 1500: "1,500", 2500e3: "2,500k"} {
		if got := short(value); got != want {
			t.Errorf("%v is %s, want %s", value, got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.8: "1,234,568"} {
		if got := grouped(value); got != want {
			t.Errorf("%v is %s, want %s", value, got, want)
		}
	}
}
