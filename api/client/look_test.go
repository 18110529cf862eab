package client

import (
	"testing"
)

// A read from a time on, that cuts data and touches nothing.
func TestLooking(t *testing.T) {
	c, s := scripted(t, 0, answer{status: 200, body: `{"topic":"t","records":[{"$seq":5,"$ts":9,"data_preview":"{\"a\"","data_bytes":70}],"from_seq":4,"next_from_seq":5,"head_seq":5,"earliest_seq":1,"caught_up":true,"tombstone":null,"lag":0}`})
	b, err := c.Diff(t.Context(), "t", Query{From: 7, FromTime: new(int64(8)), PreviewBytes: 4, Untouched: true, Limit: 1})
	if err != nil || b.From == nil || *b.From != 4 || len(b.Records) != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	if r := b.Records[0]; r.Preview != `{"a"` || r.DataBytes != 70 || r.Data != nil {
		t.Errorf("%+v", r)
	}
	if want := `{"from_ts":8,"limit":1,"include_tags":false,"include_meta":true,"preview_bytes":4,"touch":false}`; s.bodies[0] != want {
		t.Errorf("asked %s, want %s", s.bodies[0], want)
	}
}
