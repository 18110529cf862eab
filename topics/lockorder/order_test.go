package lockorder

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOrderIsDocumented compares order with the list in the package comment of
// topics.
func TestOrderIsDocumented(t *testing.T) {
	source, err := os.ReadFile("../doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, locks, _ := strings.Cut(string(source), "// # Locks\n")
	var got, want []string
	for _, line := range regexp.MustCompile(`(?m)^//\t(\w+) `).FindAllStringSubmatch(locks, -1) {
		got = append(got, line[1])
	}
	for _, rank := range order {
		want = append(want, strings.TrimPrefix(fmt.Sprintf("%T", rank), "lockorder."))
	}
	if !slices.Equal(got, want) {
		t.Errorf("documented: %v\nchecked:    %v", got, want)
	}
}
