package api

import (
	"encoding/base64"
	"encoding/json"

	"github.com/e6e95bb8/topics/topics"
)

// cursorVersion is in every cursor, so that its form may change.
const cursorVersion = 1

// cursor is where a page of a listing ended. Clients see it as opaque text.
type cursor struct {
	Version int    `json:"v"`
	After   string `json:"after"` // the last name of the page
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // an int and a string
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor is String's inverse; what String did not make is a client error.
func parseCursor(s string) (cursor, error) {
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Version != cursorVersion || topics.CheckName(c.After) != nil {
		return c, invalidField("cursor", "is not one that a listing has given")
	}
	return c, nil
}
