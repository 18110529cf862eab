// Package spelling finds the name that a misspelt one was probably meant to be.
package spelling

// furthest is how many edits away a name may be and still be a suggestion.
const furthest = 3

// Nearest returns the known name that takes the fewest edits to get to from
// word, the first in alphabetical order among equals. ok is false when every
// one is too far away: more than three edits, or as many as word has letters.
func Nearest(word string, known []string) (nearest string, ok bool) {
	best := min(furthest, len(word)-1) + 1
	for _, candidate := range known {
		if abs(len(candidate)-len(word)) >= best && nearest == "" {
			continue
		}
		d := distance(word, candidate)
		if d < best || d == best && ok && candidate < nearest {
			nearest, best, ok = candidate, d, true
		}
	}
	return nearest, ok
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
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
