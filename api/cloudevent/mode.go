package cloudevent

import (
	"mime"
	"net/http"
	"strings"

	"github.com/e6e95bb8/topics/api/wire"
)

// Media types of events in structured form.
const (
	MediaOne   = "application/cloudevents+json"
	MediaBatch = "application/cloudevents-batch+json"
)

// Mode is how a request brings events.
type Mode uint8

const (
	Binary Mode = iota // one, whose attributes are headers
	One                // one, as JSON
	Batch              // several
)

// ModeOf returns how a request with this header brings events. It fails for formats
// of events other than JSON.
func ModeOf(h http.Header) (Mode, error) {
	media := mediaOf(h)
	switch {
	case media == MediaOne:
		return One, nil
	case media == MediaBatch:
		return Batch, nil
	case strings.HasPrefix(media, "application/cloudevents"):
		return 0, wire.UnsupportedMedia("Content-Type %.100q is a format of events that is not taken: send %s, %s, or headers ce-*", media, MediaOne, MediaBatch)
	}
	return Binary, nil
}

// NeedType refuses a body without a media type.
func NeedType(h http.Header) error {
	if mediaOf(h) == "" {
		return wire.UnsupportedMedia("a body needs a valid Content-Type: %s, %s, or in binary mode that of the data", MediaOne, MediaBatch)
	}
	return nil
}

// mediaOf returns the media type in lower case, without parameters; empty if there
// is none or it is malformed.
func mediaOf(h http.Header) string {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

// isJSON reports whether data of a content type is JSON in UTF-8.
func isJSON(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "us-ascii":
	default:
		return false
	}
	return media == wire.MediaJSON || media == "text/json" || strings.HasSuffix(media, "+json")
}
