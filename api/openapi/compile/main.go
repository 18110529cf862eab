// Command compile generates the OpenAPI document from its source.
package main

import (
	"log"
	"os"

	"github.com/e6e95bb8/topics/api/openapi/source"
)

func main() {
	document, err := source.Compile()
	if err == nil {
		err = os.WriteFile("openapi.json", document, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}
