package drill

import (
	"reflect"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// The plan depends only on the seed, and what is written is recognised.
func TestPlan(t *testing.T) {
	p, again, other := plan{seed: 7}, plan{seed: 7}, plan{seed: 8}
	differs := false
	counts, keyed := map[int]bool{}, 0
	for n := range uint32(300) {
		id := opID{writer: 2, number: n}
		o := p.op(id)
		counts[o.count] = true
		if o.key != "" {
			keyed++
		}
		body := p.body(o)
		if !reflect.DeepEqual(body, again.body(again.op(id))) {
			t.Fatalf("%s is not the same twice", id)
		}
		differs = differs || !reflect.DeepEqual(body, other.body(other.op(id)))
		if len(body.Entries) != o.count || body.IdempotencyKey != o.key {
			t.Fatalf("%s: body has %d records and key %q, planned %d and %q", id, len(body.Entries), body.IdempotencyKey, o.count, o.key)
		}
		for i, r := range body.Entries {
			got, index, err := p.recognise(&client.Record{Data: r.Data, Meta: r.Meta, Tag: r.Tag, Node: &body.Node})
			if err != nil || got != o || index != i {
				t.Fatalf("%s index %d recognised as %s index %d: %v", id, i, got.id, index, err)
			}
		}
	}
	if !differs {
		t.Error("another seed gives the same plan")
	}
	if len(counts) < 10 || keyed < 100 || keyed > 290 {
		t.Errorf("%d batch sizes, %d of 300 ops with a key: not mixed", len(counts), keyed)
	}
}

func TestPlanKills(t *testing.T) {
	p := plan{seed: 7, uptime: time.Second}
	early, during := 0, map[work]int{}
	for k := range 200 {
		planned := p.kill(k)
		if planned != p.kill(k) {
			t.Fatalf("kill %d is not the same twice", k)
		}
		if planned.after < 0 || planned.after >= 1 {
			t.Fatalf("kill %d after %v of the longest wait", k, planned.after)
		}
		if planned.early {
			early++
		}
		if planned.early && planned.during != "" {
			t.Fatalf("kill %d waits for work of a server that is starting", k)
		}
		during[planned.during]++
	}
	if p.kill(0).early {
		t.Error("the first kill comes before anything was written")
	}
	if early < 20 || early > 100 {
		t.Errorf("%d of 200 kills are early", early)
	}
	for _, w := range append(works, "") {
		if during[w] < 10 {
			t.Errorf("%d of 200 kills wait for %q", during[w], w)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	p := plan{seed: 7}
	o := p.op(opID{writer: 1, number: 3})
	f.Add([]byte(p.appendData(nil, o, 0)))
	f.Add([]byte(`{"writer":1,"op":3,"index":-1,"count":1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &client.Record{Seq: 1, Data: data, Tag: new(o.tag()), Node: new(o.node()), Meta: o.meta()}
		got, index, err := p.recognise(r)
		if err == nil && string(data) != string(p.appendData(nil, got, index)) {
			t.Errorf("%q passed as record %d of %s", data, index, got.id)
		}
	})
}
