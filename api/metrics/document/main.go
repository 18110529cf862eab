// Command document writes what is made from the catalogue of metrics: the page
// docs/metrics.md and the dashboard of Grafana.
package main

import (
	"log"
	"os"
	"path/filepath"
)

// root leads from the directory of the package api/metrics, where go generate runs
// this, to the module's.
const root = "../.."

func main() {
	for path, content := range written(root) {
		if err := os.WriteFile(filepath.Join(root, path), content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// written returns the files that this command writes, by their paths in the
// module.
func written(root string) map[string][]byte {
	rules, err := readRules(filepath.Join(root, rulesFile))
	if err != nil {
		log.Fatal(err)
	}
	return map[string][]byte{
		"docs/metrics.md":                 page(rules),
		"docs/deploy/grafana/topics.json": dashboard(),
	}
}
