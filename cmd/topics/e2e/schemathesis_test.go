package e2e

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// schemathesis is how many seconds TestSchemathesis makes requests at random, after
// those that the document suggests.
var schemathesis = flag.Int("schemathesis", 0, "seconds for which schemathesis makes requests at random; without them TestSchemathesis is skipped")

// unending are the routes whose answers go on, which schemathesis would wait for.
const unending = `/v0/ws$|/work$|/v0/watch`

// Schemathesis finds no request for which the server does not answer as the OpenAPI
// document says, with a key for everything and without one.
func TestSchemathesis(t *testing.T) {
	if *schemathesis == 0 {
		t.Skip("needs -schemathesis and the program st: make schemathesis")
	}
	st, err := exec.LookPath("st")
	if err != nil {
		t.Fatal("there is no st: install schemathesis as docs/testing.md says")
	}
	config := filepath.Join("..", "..", "..", "api", "openapi", "check")
	for name, key := range map[string]string{"with a key": secret, "without a key": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret).ready()
			dir := t.TempDir() // for what it keeps beside its configuration
			if err := os.CopyFS(dir, os.DirFS(config)); err != nil {
				t.Fatal(err)
			}
			for _, phases := range [][]string{
				{"--phases", "examples,coverage", "--generation-deterministic"},
				// Whether a request at random is valid depends on what others have left, and
				// what takes a body at will is thought to refuse none.
				{"--phases", "fuzzing,stateful", "--max-time", strconv.Itoa(*schemathesis), "--exclude-checks", "negative_data_rejection,positive_data_acceptance"},
			} {
				args := append([]string{"run", server.url() + "/v0/openapi.json", "--warnings", "off", "--exclude-path-regex", unending}, phases...)
				if key != "" {
					args = append(args, "-H", "Authorization: Bearer "+key)
				}
				cmd := exec.Command(st, args...)
				cmd.Dir = dir
				succeed(t, cmd)
			}
		})
	}
}
