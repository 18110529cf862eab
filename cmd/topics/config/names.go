package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// serviceLink matches what Kubernetes puts into every pod beside a Service
// called "topics" or "topics-something": its address and one set of names for
// each port.
var serviceLink = regexp.MustCompile(
	`^TOPICS_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// linkURL matches the value of TOPICS_PORT (or TOPICS_SOMETHING_PORT) there.
var linkURL = regexp.MustCompile(`^(tcp|udp|sctp)://`)

// isServiceLink reports whether the pair comes from Kubernetes rather than
// from an operator.
func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && linkURL.MatchString(value)
}

// unknown says what is wrong with a name that is not declared.
func unknown(name string, known map[string]Variable) string {
	if slices.Contains(later, strings.TrimPrefix(name, prefix)) {
		return name + ": not supported by this version"
	}
	best, bestDistance := "", 4 // further away is no suggestion
	for candidate := range known {
		d := distance(name, candidate)
		if d < bestDistance || d == bestDistance && best != "" && candidate < best {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return name + ": unknown variable; `topics config` lists all of them"
	}
	return fmt.Sprintf("%s: unknown variable; did you mean %s?", name, best)
}

// distance is the number of single-character edits between two names
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
