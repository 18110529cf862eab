package e2e

import (
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/e6e95bb8/topics/api/openapi/conform"
)

// undescribed collects what servers answered that the OpenAPI document does
// not describe. TestMain fails if there is anything.
var undescribed struct {
	mu   sync.Mutex
	errs []error
}

// describing is a transport to a server whose answers are held against the
// document.
func describing(t http.RoundTripper) http.RoundTripper {
	return conform.Transport(t, func(err error) {
		undescribed.mu.Lock()
		defer undescribed.mu.Unlock()
		undescribed.errs = append(undescribed.errs, err)
	})
}

// reportUndescribed prints what was collected and is the exit code of it.
func reportUndescribed() int {
	undescribed.mu.Lock()
	defer undescribed.mu.Unlock()
	for _, err := range undescribed.errs {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
	}
	return min(1, len(undescribed.errs))
}
