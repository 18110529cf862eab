package remote

import (
	"context"
	"errors"
	"fmt"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/api/spelling"
)

// advised is an error with what to do next.
type advised struct {
	error
	advice string
}

func (e *advised) Unwrap() error  { return e.error }
func (e *advised) Advice() string { return e.advice }

// Advised returns err with what to do next, which Advice finds again.
func Advised(err error, advice string) error { return &advised{err, advice} }

// Advice returns what to do next about an error, or "" if nothing is known.
func Advice(err error) string {
	var known interface{ Advice() string }
	if errors.As(err, &known) {
		return known.Advice()
	}
	var answer *client.Error
	if !errors.As(err, &answer) {
		return ""
	}
	switch answer.Code {
	case "":
		return "What answers there is not a topics server, or not at that path: look at --url."
	case client.CodeUnauthorized:
		return "Set TOPICS_KEY to one of the server's API keys, or use --key, or topics context add NAME --url URL --key KEY."
	case client.CodeForbidden:
		return "Use a key with the scope and the prefix that are missing: --key or TOPICS_KEY."
	case client.CodeTopicNotFound:
		return "topics ls lists the topics that there are."
	case client.CodeRouterNotFound:
		return "topics route ls lists the routers that there are."
	case client.CodeNotQueue:
		return "topics info shows the type of a topic; topics set NAME type=queue --create makes a queue."
	case client.CodeTopicFull:
		return "topics set TOPIC cap_records=N cap_bytes=N raises its caps, topics delete TOPIC --before SEQ makes room."
	case client.CodeSeqMismatch:
		return "Read what was written meanwhile with topics tail, and try again with the head that topics info shows."
	case client.CodeInsufficientStorage:
		return "Free space on the server's disk, or delete records: deletes work on a full disk."
	case client.CodeStorageUnavailable, client.CodeNotReady:
		return "Look at the reason in the server's log and in topics info."
	case "misdirected_request":
		return "Use the server's IP address, or add the name to TOPICS_ALLOWED_HOSTS of the server."
	}
	return ""
}

// namesAsked is how many names are compared with a misspelt one.
const namesAsked = 1000

// explain adds to the error of a topic that does not exist the name of one that
// does.
func (c *Connection) explain(ctx context.Context, err error) error {
	var answer *client.Error
	if !errors.As(err, &answer) || answer.Code != client.CodeTopicNotFound {
		return err
	}
	meant, ok := answer.Detail["topic"].(string)
	if !ok {
		return err
	}
	var names []string
	for t, err := range c.Topics(ctx, "") {
		if err != nil || len(names) == namesAsked {
			break
		}
		names = append(names, t.Topic)
	}
	near, ok := spelling.Nearest(meant, names)
	if !ok {
		return err
	}
	return Advised(err, fmt.Sprintf("Did you mean %s? topics ls lists the topics that there are.", near))
}
