// Tally counts what the repository is tested with: go run ./cmd/tally, from the
// root of the module. README has its numbers, rounded down.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	counts, err := tally(os.DirFS(*root))
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	for _, c := range counts {
		fmt.Printf("%8d  %s\n", c.n, c.what)
	}
}
