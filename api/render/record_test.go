package render

import (
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
)

// A record shows what its write said of its job, but not when it is due.
func TestJobOfARecord(t *testing.T) {
	for want, j := range map[string]record.Job{
		`{"$seq":7,"$ts":9,"$group":"a\"b","$unique_key":"k","$priority":-3,"data":1}`: {
			Group: []byte(`a"b`), Key: []byte("k"), Priority: -3, Due: 1 << 40,
		},
		`{"$seq":7,"$ts":9,"$priority":100,"data":1}`: {Priority: 100},
		`{"$seq":7,"$ts":9,"data":1}`:                 {Due: 5, ByWall: true},
	} {
		r := record.Record{Seq: 7, TS: 9, Data: []byte("1"), Job: j.Encode()}
		if got := string(Record(nil, &r, Fields{Data: true})); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	r := record.Record{Seq: 7, TS: 9, Job: []byte{0xff}}
	if got := string(Record(nil, &r, Fields{})); got != `{"$seq":7,"$ts":9}` {
		t.Errorf("of a damaged job: %s", got)
	}
}
