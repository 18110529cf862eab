package topics

import (
	"cmp"
	"slices"
)

// SortKey is what a listing is sorted by.
type SortKey string

// The keys of topics, and of routers. Those that are not names sort equals by
// name.
const (
	SortName      SortKey = "name"
	SortBytes     SortKey = "bytes"
	SortRecords   SortKey = "records"
	SortWriteRate SortKey = "write_rate"
	SortLastWrite SortKey = "last_write"
	SortLag       SortKey = "lag"
)

// ranked is something to sort.
type ranked[T any] struct {
	it  T
	key float64
}

// scanned is how many topics or routers are looked at with the catalog's lock held.
const scanned = 2048

// sortedNames sorts a list that is in the order of the names, and returns them.
func sortedNames[T any](list []ranked[T], descending, byName bool, name func(T) string) []string {
	if !byName {
		slices.SortStableFunc(list, func(a, b ranked[T]) int {
			if descending {
				return cmp.Compare(b.key, a.key)
			}
			return cmp.Compare(a.key, b.key)
		})
	}
	names := make([]string, len(list))
	for i := range list {
		names[i] = name(list[i].it)
	}
	if byName && descending {
		slices.Reverse(names)
	}
	return names
}
