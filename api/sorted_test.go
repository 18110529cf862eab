package api

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// listedModel is what the test knows of a topic at the first page.
type listedModel struct {
	name                   string
	records, bytes, writes int
	last                   int64
	queue                  bool
}

// TestSortedPagesHoldStill turns the pages of lists while topics are written, deleted and
// made: the rows are those of the first page's moment, in its order, each once,
// without those that are gone.
func TestSortedPagesHoldStill(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		random := rand.New(rand.NewPCG(5, 8))
		ctx := t.Context()
		model := map[string]*listedModel{}
		made := 0
		create := func() {
			m := &listedModel{name: fmt.Sprintf("%c-%d", 'a'+random.IntN(4), made), queue: random.IntN(3) == 0}
			made++
			config := &record.ConfigPatch{}
			if m.queue {
				config.Type = new("queue")
			}
			if _, err := s.registry.Put(ctx, m.name, config); err != nil {
				t.Error(err)
			}
			model[m.name] = m
		}
		write := func(m *listedModel) {
			n, size := 1+random.IntN(3), 1+random.IntN(5)
			w := &topic.Write{}
			for range n {
				w.Records = append(w.Records, record.Record{Data: []byte(strings.Repeat("1", size))})
			}
			if _, err := s.registry.Append(ctx, m.name, w); err != nil {
				t.Error(err)
			}
			m.records, m.bytes, m.writes, m.last = m.records+n, m.bytes+n*size, m.writes+n, s.clock.Load()
		}
		remove := func(m *listedModel) {
			if _, err := s.registry.Delete(ctx, m.name, false); err != nil {
				t.Error(err)
			}
			delete(model, m.name)
		}
		any := func() *listedModel {
			for _, m := range model {
				return m
			}
			return nil
		}
		for range 60 {
			create()
		}
		for round := range 40 {
			for range 30 {
				write(any())
				s.clock.Add(random.Int64N(50))
			}
			by := []string{"name", "bytes", "records", "write_rate", "last_write"}[random.IntN(5)]
			q := url.Values{"sort": {by}, "order": {"asc"}, "page_size": {fmt.Sprint(1 + random.IntN(15))}}
			var want []listedModel
			prefix, contains, kind := "", "", ""
			if random.IntN(2) == 0 {
				prefix = string(rune('a' + random.IntN(4)))
				q.Set("prefix", prefix)
			}
			if random.IntN(2) == 0 {
				contains = fmt.Sprint(random.IntN(10))
				q.Set("contains", contains)
			}
			if random.IntN(2) == 0 {
				kind = "log"
				q.Set("type", kind)
			}
			for _, m := range model {
				if strings.HasPrefix(m.name, prefix) && strings.Contains(m.name, contains) && (kind == "" || !m.queue) {
					want = append(want, *m)
				}
			}
			down := random.IntN(2) == 0
			slices.SortFunc(want, func(a, b listedModel) int {
				n := 0
				switch by {
				case "bytes":
					n = cmp.Compare(a.bytes, b.bytes)
				case "records":
					n = cmp.Compare(a.records, b.records)
				case "write_rate": // all within a slot of a rate
					n = cmp.Compare(a.writes, b.writes)
				case "last_write":
					n = cmp.Compare(a.last, b.last)
				case "name":
					n = strings.Compare(a.name, b.name)
				}
				if down {
					n = -n
				}
				return cmp.Or(n, strings.Compare(a.name, b.name))
			})
			if down {
				q.Set("order", "desc")
			}
			plain := by == "name" && !down && contains == "" && kind == ""
			if by == "write_rate" && s.clock.Load() > 1_700_000_000_000+50_000 {
				continue // old writes have begun to leave the rates
			}
			s.orders.Clear() // on a busy machine an earlier one may count as costly, and be shared
			gone := map[string]bool{}
			var got []string
			for first := true; ; first = false {
				a := s.send("GET /v0/topics?"+q.Encode(), "")
				if a.status != 200 {
					t.Fatalf("%d %s", a.status, a.body)
				}
				for _, m := range listedTopic.FindAllSubmatch(a.body, -1) {
					got = append(got, string(m[1]))
				}
				if total := a.raw("total"); !plain && total != fmt.Sprint(len(want)) || first && total != fmt.Sprint(len(want)) {
					t.Fatalf("round %d: total %s of %d with %v", round, total, len(want), q)
				}
				cursor := a.text("next_cursor")
				if cursor == "" {
					break
				}
				q.Set("cursor", cursor)
				for range 3 { // everything moves between two pages
					write(any())
					if m := any(); random.IntN(3) == 0 {
						remove(m)
						gone[m.name] = true
					}
					if !plain { // whether a list by name has it depends on its name
						create()
					}
				}
			}
			at := 0
			for _, name := range got {
				for at < len(want) && want[at].name != name && gone[want[at].name] {
					at++
				}
				if at == len(want) || want[at].name != name {
					t.Fatalf("round %d, %v: %v\nwant %v\nwithout %v", round, q, got, want, gone)
				}
				at++
			}
			for ; at < len(want); at++ {
				if !gone[want[at].name] {
					t.Fatalf("round %d, %v: no %s in %v", round, q, want[at].name, got)
				}
			}
		}
	})
}

// Pages are asked for, and topics written, made and deleted, all at the same time.
func TestSortedPagesUnderLoad(t *testing.T) {
	s := serveReal(t, nil, nil)
	ctx := t.Context()
	for i := range 200 {
		if _, err := s.registry.Append(ctx, fmt.Sprintf("stays-%d", i), &topic.Write{Records: []record.Record{{Data: []byte("1")}}}); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for g := range 2 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				_, _ = s.registry.Append(ctx, fmt.Sprintf("stays-%d", (i*7)%200), &topic.Write{Records: []record.Record{{Data: []byte("1")}}})
				name := fmt.Sprintf("goes-%d-%d", g, i%5)
				_, _ = s.registry.Append(ctx, name, &topic.Write{Records: []record.Record{{Data: []byte("1")}}})
				_, _ = s.registry.Delete(ctx, name, false)
			}
		})
	}
	for _, by := range []string{"bytes", "write_rate", "last_write"} {
		readers.Go(func() {
			for range 5 {
				seen := map[string]int{}
				for next := ""; ; {
					w := do(s.Server, "GET", "/v0/topics?page_size=17&sort="+by+next, "")
					if w.Code != 200 {
						t.Errorf("%d %s", w.Code, w.Body)
						return
					}
					for _, m := range listedTopic.FindAllSubmatch(w.Body.Bytes(), -1) {
						seen[string(m[1])]++
					}
					cursor, _ := object(t, w)["next_cursor"].(string)
					if cursor == "" {
						break
					}
					next = "&cursor=" + cursor
				}
				stay := 0
				for name, n := range seen {
					if n > 1 {
						t.Errorf("%s is on the pages %d times", name, n)
					}
					if strings.HasPrefix(name, "stays-") {
						stay++
					}
				}
				if stay != 200 {
					t.Errorf("%d of 200 topics", stay)
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
}

var listTopics = flag.Int("list-topics", 2000, "topics of TestListsOfManyTopics")

// TestListsOfManyTopics prints what pages cost: the first of a sort looks at all topics,
// every other one only at what it shows.
func TestListsOfManyTopics(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	s := serveReal(t, nil, nil)
	for i := range *listTopics {
		if _, err := s.registry.Put(context.Background(), fmt.Sprintf("topic-%06d", i), &record.ConfigPatch{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		name := fmt.Sprintf("topic-%06d", i*7919%*listTopics)
		if _, err := s.registry.Append(context.Background(), name, &topic.Write{Records: []record.Record{{Data: []byte(fmt.Sprint(i))}}}); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	scrape := get(s.Server, "GET", "/v0/metrics").Body.String()
	took := time.Since(began)
	if named := strings.Count(scrape, "\ntopics_topic_head_seq{"); named > 1000 || named == 0 {
		t.Errorf("a scrape names %d topics", named)
	}
	t.Logf("%d topics: a scrape of %d bytes in %v", *listTopics, len(scrape), took)
	for _, query := range []string{"", "prefix=topic-00", "contains=999", "order=desc", "sort=bytes", "sort=records", "sort=write_rate", "sort=last_write"} {
		target := "/v0/topics?page_size=200&" + query
		took := map[string][]time.Duration{}
		for range 5 {
			next := ""
			for page := range 10 {
				w, r := httptest.NewRecorder(), httptest.NewRequest("GET", target+next, nil)
				r.Host = "localhost"
				began := time.Now()
				s.Server.ServeHTTP(w, r)
				kind := "another"
				if page == 0 {
					kind = "first"
				}
				took[kind] = append(took[kind], time.Since(began))
				cursor, more := object(t, w)["next_cursor"].(string)
				if w.Code != 200 {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				if !more {
					break
				}
				next = "&cursor=" + cursor
			}
			s.orders.Clear() // the next one sorts again
		}
		for _, kind := range []string{"first", "another"} {
			if list := took[kind]; len(list) > 0 {
				slices.Sort(list)
				t.Logf("%d topics, %-17q %-7s page of 200: median %v, worst %v", *listTopics, query, kind, list[len(list)/2], list[len(list)-1])
			}
		}
	}
}
