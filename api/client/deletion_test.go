package client

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeleteRecords(t *testing.T) {
	before := uint64(1<<64 - 1)
	for _, tc := range []struct {
		deletion Deletion
		body     string
	}{
		{Deletion{Before: &before}, `{"before_seq":18446744073709551615}`},
		{Deletion{Match: []string{"tag", "Glob", "a*"}}, `{"match":["tag","Glob","a*"]}`},
		{Deletion{Before: new(uint64), Match: []string{"tag", "Eq", "a"}}, `{"before_seq":0,"match":["tag","Eq","a"]}`},
		{Deletion{}, `{}`},
	} {
		c, s := scripted(t, 0, answer{status: 200, body: `{"topic":"a b","deleted":5,"earliest_seq":6,"head_seq":9,"count":4,"bytes":40}`})
		got, err := c.DeleteRecords(context.Background(), "a b", tc.deletion)
		if want := (Deleted{Deleted: 5, EarliestSeq: 6, HeadSeq: 9, Count: 4, Bytes: 40}); got != want || err != nil {
			t.Errorf("%s: %+v, %v", tc.body, got, err)
		}
		if s.requests[0].Method != "POST" || s.requests[0].URL.String() != "http://server:4000/v0/topics/a%20b/delete" || s.bodies[0] != tc.body {
			t.Errorf("sent %s to %s, want %s", s.bodies[0], s.requests[0].URL, tc.body)
		}
	}
}

// A repeated deletion could delete records that were written in between, so
// only one that surely was not carried out is retried.
func TestDeleteRecordsIsNotRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		first answer
		tries int
	}{
		"broken connection": {answer{drop: true}, 1},
		"throttled":         {answer{status: 429, body: envelope("throttled")}, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, s := scripted(t, time.Minute, tc.first, answer{status: 200, body: `{}`})
			_, err := c.DeleteRecords(t.Context(), "t", Deletion{Match: []string{"tag", "Eq", "a"}})
			if len(s.requests) != tc.tries || (err == nil) != (tc.tries == 2) {
				t.Errorf("%s: %d attempts, %v", name, len(s.requests), err)
			}
		})
	}
}
