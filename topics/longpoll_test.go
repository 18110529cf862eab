package topics

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// poll starts a read that waits for a minute and returns how it ended.
func (w *world) poll(ctx context.Context, name string, q topic.Query) <-chan polled {
	done := make(chan polled, 1)
	began := time.Now()
	q.Limit, q.MaxBytes, q.Wait = 10, 1000, time.Minute
	go func() {
		b, err := w.Read(ctx, name, &q)
		done <- polled{b, err, time.Since(began)}
	}()
	synctest.Wait()
	return done
}

type polled struct {
	*topic.Batch
	err  error
	took time.Duration
}

// bubble runs a test in a world under a clock of its own.
func bubble(t *testing.T, test func(*testing.T, *world)) {
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

func TestPollAnswersAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.write("a", 2)
		if p := <-w.poll(context.Background(), "a", topic.Query{}); p.took != 0 || len(p.Records) != 2 {
			t.Fatalf("%+v", p)
		}
		if p := <-w.poll(context.Background(), "a", topic.Query{From: 9}); p.took != 0 || p.Tombstone == nil || p.NextFrom != 2 {
			t.Fatalf("%+v", p)
		}
		b, err := w.Read(context.Background(), "a", &topic.Query{From: 2, Limit: 1, MaxBytes: 1})
		if err != nil || len(b.Records) > 0 || b.NextFrom != 2 {
			t.Fatalf("%+v, %v", b, err)
		}
	})
}

func TestPollWakes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.put("a", class(record.Fsync))
		var all []<-chan polled
		for range 3 {
			all = append(all, w.poll(context.Background(), "a", topic.Query{}))
		}
		time.Sleep(30 * time.Second)
		p, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(2)})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case got := <-all[0]:
			t.Fatalf("woken by what is not durable: %+v", got)
		default:
		}
		if _, err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		for _, done := range all {
			if p := <-done; p.err != nil || p.took != 30*time.Second || !reflect.DeepEqual(seqs(p.Batch), run(1, 2)) {
				t.Fatalf("%+v", p)
			}
		}
	})
}

func TestPollTimesOut(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.write("a", 3)
		if p := <-w.poll(context.Background(), "a", topic.Query{From: 3}); p.err != nil || p.took != time.Minute || p.NextFrom != 3 || len(p.Records) > 0 {
			t.Fatalf("%+v", p)
		}
		// A write that is filtered out moves the cursor and not the end.
		m, _ := record.NewMatch("Eq", "x")
		done := w.poll(context.Background(), "a", topic.Query{From: 3, Match: &m})
		time.Sleep(59 * time.Second)
		w.write("a", 1)
		if p := <-done; p.err != nil || p.took != time.Minute || p.NextFrom != 4 || len(p.Records) > 0 {
			t.Fatalf("%+v", p)
		}
		// Neither does a change of config.
		done = w.poll(context.Background(), "a", topic.Query{From: 4})
		time.Sleep(time.Second)
		w.put("a", &record.ConfigPatch{TTLMS: ptr(int64(1e9))})
		if p := <-done; p.took != time.Minute {
			t.Fatalf("%+v", p)
		}
	})
}

func TestPollEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.write("a", 3)
		ctx, cancel := context.WithCancel(context.Background())
		done := w.poll(ctx, "a", topic.Query{From: 3})
		time.Sleep(time.Second)
		cancel()
		if p := <-done; p.err != nil || p.took != time.Second || p.NextFrom != 3 {
			t.Fatalf("%+v", p)
		}
	})
}

func TestPollOfADeletedTopic(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.write("a", 3)
		done := w.poll(context.Background(), "a", topic.Query{From: 3})
		time.Sleep(time.Second)
		w.delete("a", false)
		if p := <-done; kindOf(p.err) != record.KindNotFound || p.took != time.Second {
			t.Fatalf("%+v", p)
		}
	})
}

// TestPollSeesARecreatedTopic holds that a reader whose topic was deleted and
// made again while it was not looking is reported.
func TestPollSeesARecreatedTopic(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.write("a", 3)
		old := w.catalog.Lookup("a")
		if old.Subscribe(2) != nil {
			t.Fatal("subscribed to what is there already")
		}
		w.delete("a", false)
		if old.Subscribe(3) != nil {
			t.Fatal("subscribed to a topic that is gone")
		}
		w.write("a", 1)
		p := <-w.poll(context.Background(), "a", topic.Query{From: 3})
		if p.Tombstone == nil || p.Tombstone.Reason != topic.ReasonRecreated || p.NextFrom != 1 {
			t.Fatalf("%+v", p)
		}
	})
}

func TestSweeperLife(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.put("a", &record.ConfigPatch{TTLMS: ptr(int64(10))})
		w.write("a", 3)
		w.now += 11
		w.RunSweeper()
		time.Sleep(sweepInterval)
		synctest.Wait()
		if got := w.Totals(); got.EvictedTTL != 3 || got.Records != 0 {
			t.Fatalf("%+v", got)
		}
		for range 2 { // once too often does no harm
			if err := w.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
