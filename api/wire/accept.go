package wire

import (
	"strconv"
	"strings"
)

// Bounds on how much of an Accept header is parsed. What lies beyond is ignored;
// the header of an honest client is far below both.
const (
	maxAcceptBytes  = 4 << 10
	maxAcceptRanges = 32
)

// Offer is a media type that a handler can answer with.
type Offer struct {
	typ, subtype string
	params       map[string]string
}

// OfferEvents is the media type of a stream.
var OfferEvents = Offer{"text", "event-stream", map[string]string{"charset": "utf-8"}}

// The two renderings of the metrics.
var (
	offerText = Offer{"text", "plain", map[string]string{"version": "0.0.4", "charset": "utf-8"}}
	offerJSON = Offer{"application", "json", map[string]string{"charset": "utf-8"}}
)

// PrefersJSON chooses between JSON and Prometheus text by the values of the
// Accept header. Text is the default: for no header, for a tie (*/* among
// them), and for a client that takes neither, because metrics always answer.
func PrefersJSON(accept []string) bool {
	ranges := ParseAccept(strings.Join(accept, ","))
	return offerJSON.Quality(ranges) > offerText.Quality(ranges)
}

// offerHTML is the console.
var offerHTML = Offer{"text", "html", nil}

// PrefersHTML reports whether a client that sends the values of the Accept
// header wants HTML more than JSON: a browser does, by naming it. A tie is
// not enough.
func PrefersHTML(accept []string) bool {
	ranges := ParseAccept(strings.Join(accept, ","))
	return offerHTML.Quality(ranges) > offerJSON.Quality(ranges)
}

// offerBatch is a batch of CloudEvents.
var offerBatch = Offer{"application", "cloudevents-batch+json", map[string]string{"charset": "utf-8"}}

// PrefersEvents reports whether a client that sends the values of the Accept
// header wants a batch of CloudEvents more than JSON, by naming it.
func PrefersEvents(accept []string) bool {
	if len(accept) == 0 {
		return false
	}
	ranges := ParseAccept(strings.Join(accept, ","))
	return offerBatch.Quality(ranges) > offerJSON.Quality(ranges)
}

// mediaRange is one element of an Accept header.
type mediaRange struct {
	typ, subtype string // "*" matches all
	params       []param
	quality      int // thousandths
}

// param is a parameter: the name in lower case, the value unquoted.
type param struct{ name, value string }

// ParseAccept reads the ranges of an Accept header (RFC 9110, section
// 12.5.1). It leaves out malformed elements.
func ParseAccept(header string) []mediaRange {
	if len(header) > maxAcceptBytes {
		header = header[:maxAcceptBytes]
	}
	var ranges []mediaRange
	for header != "" && len(ranges) < maxAcceptRanges {
		var element string
		element, header = cutUnquoted(header, ',')
		if r, ok := parseRange(element); ok {
			ranges = append(ranges, r)
		}
	}
	return ranges
}

func parseRange(element string) (mediaRange, bool) {
	media, rest := cutUnquoted(element, ';')
	typ, subtype, ok := strings.Cut(strings.ToLower(strings.TrimSpace(media)), "/")
	if !ok || typ == "" || subtype == "" || typ == "*" && subtype != "*" {
		return mediaRange{}, false
	}
	r := mediaRange{typ: typ, subtype: subtype, quality: 1000}
	for rest != "" {
		var text string
		text, rest = cutUnquoted(rest, ';')
		name, value, ok := strings.Cut(text, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(value))
		switch {
		case name == "":
		case !ok:
			return mediaRange{}, false
		case name == "q":
			// What follows the weight extends the header, not the range.
			r.quality, ok = parseQuality(value)
			return r, ok
		default:
			r.params = append(r.params, param{name, value})
		}
	}
	return r, true
}

// parseQuality reads a weight: 0 or 1 with at most three decimals.
func parseQuality(s string) (int, bool) {
	whole, frac, dotted := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(frac) > 3 || !dotted && frac != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+frac+"000"[len(frac):], 10, 16)
	return int(n), err == nil && n <= 1000
}

// Quality returns how much the ranges want the offer, in thousandths: the weight
// of the most specific range that includes it, or 0 if none does. Without ranges
// everything is wanted.
func (o Offer) Quality(ranges []mediaRange) int {
	if len(ranges) == 0 {
		return 1000
	}
	quality, best := 0, -1
	for _, r := range ranges {
		s := o.specificity(r)
		if s > best || s == best && r.quality > quality {
			quality, best = r.quality, s
		}
	}
	if best < 0 {
		return 0
	}
	return quality
}

// specificity returns how exactly the range names the offer. It is negative if
// the range does not include it.
func (o Offer) specificity(r mediaRange) int {
	switch {
	case r.typ == "*":
	case r.typ != o.typ || r.subtype != "*" && r.subtype != o.subtype:
		return -1
	}
	for _, p := range r.params {
		if have, ok := o.params[p.name]; !ok || !strings.EqualFold(have, p.value) {
			return -1
		}
	}
	switch {
	case r.typ == "*":
		return 0
	case r.subtype == "*":
		return 1
	}
	return 2 + len(r.params)
}

// cutUnquoted cuts s around the first sep outside of a quoted string.
func cutUnquoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquote removes the quotes and the backslashes of a quoted string.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' && i+1 < len(s)-1 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
