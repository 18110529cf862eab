// Command compile generates the OpenAPI document and the AsyncAPI document from
// their source.
package main

import (
	"log"
	"os"

	"github.com/e6e95bb8/topics/api/openapi/source"
)

func main() {
	for name, compile := range map[string]func() ([]byte, error){
		"openapi.json": source.Compile, "asyncapi.json": source.CompileStreams,
	} {
		document, err := compile()
		if err == nil {
			err = os.WriteFile(name, document, 0o644)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}
