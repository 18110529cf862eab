package listing

import (
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
)

// ReadSort reads what a listing is sorted by, and whether the greatest come first: by
// default that is so of all but names. The first key is the default.
func ReadSort(p *wire.Params, keys ...topics.SortKey) (by topics.SortKey, down bool) {
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = string(k)
	}
	by = topics.SortKey(p.OneOf("sort", words[0], words...))
	order := "desc"
	if by == topics.SortName {
		order = "asc"
	}
	return by, p.OneOf("order", order, "asc", "desc") == "desc"
}

// Direction is the word for a direction.
func Direction(down bool) string {
	if down {
		return "desc"
	}
	return "asc"
}
