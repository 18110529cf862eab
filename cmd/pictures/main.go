// Pictures draws the pictures of README from what is in docs/pictures: a drill as
// it was recorded, and results of topics bench. Run it from the root of the module:
//
//	go run ./cmd/pictures                        draws them again
//	go run ./cmd/pictures -record bin/topics     runs a drill and records it first
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", filepath.Join("docs", "pictures"), "directory of the recording, the results and the pictures")
	record := flag.String("record", "", "binary whose drill is recorded first")
	flag.Parse()
	if err := run(*dir, *record); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// Names of what the pictures are made from.
const (
	castFile     = "drill.cast"
	writesFile   = "writes.json"
	recoveryFile = "recovery.json"
)

func run(dir, binary string) error {
	if binary != "" {
		if err := recordDrill(context.Background(), binary, filepath.Join(dir, castFile)); err != nil {
			return err
		}
	}
	pictures, err := draw(os.DirFS(dir))
	if err != nil {
		return err
	}
	for name, picture := range pictures {
		if err := os.WriteFile(filepath.Join(dir, name), picture, 0o644); err != nil {
			return err
		}
	}
	return nil
}
