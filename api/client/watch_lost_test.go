package client

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lostAnswers is a network that delivers the first requests for streams, and
// loses the answers after the server has sent records.
type lostAnswers struct {
	http.RoundTripper
	left int
	// silent makes the transport retry by itself, as that of net/http does for a
	// reused connection.
	silent bool
}

func (l *lostAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	for r.Method == http.MethodGet && l.left > 0 {
		l.left--
		resp, err := l.RoundTripper.RoundTrip(r.Clone(context.WithoutCancel(r.Context())))
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		for in := bufio.NewReader(resp.Body); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return nil, err
			}
			if strings.HasPrefix(line, "event: caught-up") {
				break
			}
		}
		if !l.silent {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return l.RoundTripper.RoundTrip(r)
}

// Records that the server sent to a connection that broke before its answer
// arrived are sent again.
func TestWatchAnswerLost(t *testing.T) {
	for _, tt := range []struct{ silent, named bool }{{false, false}, {false, true}, {true, true}} {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newWatched()
				f.named = tt.named
				f.write("a", 2)
				network := &lostAnswers{inMemory{f}, 1, tt.silent}
				c, err := New("http://server:4000", Options{RetryFor: time.Minute, HTTP: &http.Client{Transport: network}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var got []string
				for e, err := range c.Watch(ctx, Watch{Topics: map[string]Start{"a": {}}}) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, short(e))
				}
				if s := strings.Join(got, ", "); s != "a1 a2, a end 2" {
					t.Errorf("got %s", s)
				}
				if n := len(f.created); tt.named && n != 1 {
					t.Errorf("%d sessions", n)
				}
				f.forget() // ends the streams
			})
		})
	}
}

// Seqs that were passed over up to the end are accounted for. Otherwise a
// server that has restarted would be asked for them, and report them as lost.
func TestWatchKeepsWhereItWasCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []string
		c, err := New("http://server:4000", Options{RetryFor: time.Minute, HTTP: &http.Client{Transport: answers(func(r *http.Request) (int, string) {
			switch {
			case r.Method == http.MethodPost:
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				made = append(made, string(body))
				return 200, `{"wid":"w","topics":{"a":{"from_seq":4}}}`
			case len(made) == 1:
				return 200, "event: caught-up\ndata: {\"topic\":\"a\",\"head_seq\":70}\n\n"
			}
			return 403, envelope(CodeForbidden)
		})}})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range c.Watch(t.Context(), Watch{Topics: map[string]Start{"a": {From: 4}}, Match: []string{"never"}}) {
			if err != nil && !IsCode(err, CodeForbidden) {
				t.Error(err)
			}
		}
		if len(made) != 2 || !strings.HasPrefix(made[1], `{"topics":{"a":{"from_seq":70}}`) {
			t.Errorf("asked for %v", made)
		}
	})
}
