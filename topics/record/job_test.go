package record

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"
)

// jobs has one of each form, with the bytes that data directories hold.
var jobs = []struct {
	job  Job
	want string
}{
	{Job{}, ""},
	{Job{Group: []byte("g")}, "010167"},
	{Job{Key: []byte("key")}, "02036b6579"},
	{Job{Priority: -100}, "049c"},
	{Job{Due: 1}, "0802"},
	{Job{Due: 1, ByWall: true}, "1802"},
	{Job{Group: []byte("a"), Key: []byte("b"), Priority: 7, Due: 300}, "0f01610162" + "07" + "d804"},
	{Job{Group: []byte("g"), Dead: true}, "210167"},
}

func TestJobBytes(t *testing.T) {
	for _, test := range jobs {
		b := test.job.Encode()
		if got := hex.EncodeToString(b); got != test.want {
			t.Errorf("%+v is encoded as %s, want %s", test.job, got, test.want)
		}
		back, err := DecodeJob(b)
		if err != nil || !reflect.DeepEqual(back, test.job) {
			t.Errorf("decoded %+v, %v, want %+v", back, err, test.job)
		}
	}
}

// A forwarded copy keeps all of its job but the unique key.
func TestForwardedJob(t *testing.T) {
	j := Job{Group: []byte("a"), Key: []byte("b"), Priority: 7, Due: 300, Dead: true}
	r := Record{Data: []byte("1"), Job: j.Encode()}
	j.Key, j.Dead = nil, false
	if out := r.Forwarded(0, nil); !bytes.Equal(out.Job, j.Encode()) {
		t.Errorf("the copy's job is %x, want %x", out.Job, j.Encode())
	}
	r.Job = (&Job{Key: []byte("b")}).Encode()
	if out := r.Forwarded(0, nil); out.Job != nil {
		t.Errorf("the copy's job is %x, want none", out.Job)
	}
}

// FuzzJob checks that what decodes encodes to the same bytes.
func FuzzJob(f *testing.F) {
	for _, test := range jobs {
		f.Add(test.job.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := DecodeJob(b)
		if err != nil || b == nil {
			return
		}
		back, err := DecodeJob(j.Encode())
		if err != nil || !reflect.DeepEqual(back, j) {
			t.Fatalf("%x decodes to %+v and, encoded again, to %+v, %v", b, j, back, err)
		}
	})
}
