package damage

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/e6e95bb8/topics/api/client"
)

// moment is a data directory as it was at one time, and what had been promised
// by then.
type moment struct {
	place
	name string
	book book
	log  []frame
	// settled: the server had ended, so that the directory is whole.
	settled bool
}

// scene is one history of a server, whose moments are kept.
type scene struct {
	place
	rng     *rand.Rand
	moments []*moment

	book   book
	boot   *boot
	writes int // numbers records, so that no two are the same
}

// newScene plans history number n. Every other one has a cold directory.
func newScene(n int, dir string, seed uint64) *scene {
	return &scene{
		place: place{
			dir: filepath.Join(dir, "live"),
			settings: []string{
				"TOPICS_WAL_FILE_BYTES=1MiB",
				"TOPICS_CHECKPOINT_INTERVAL_MS=0",
				"TOPICS_SEGMENT_MAX_BYTES=1MiB",
				"TOPICS_SEGMENT_MAX_EVENTS=1000",
				"TOPICS_HOT_RETAIN_SEGMENTS=1",
			},
			cold: n%2 == 0,
		},
		rng:  rand.New(rand.NewPCG(seed, uint64(n))),
		book: book{},
	}
}

// The topics of a scene. What is written to source goes through routers to
// copies and, in part, to chosen.
const (
	source = "source"
	copies = "copies"
	chosen = "chosen"
	again  = "again" // is deleted and made again
	capped = "capped"
	brief  = "brief" // its records expire
)

// capRecords is how many records the topic capped keeps.
const capRecords = 50

// window is for how long keys are remembered: longer than a drill takes.
const window = int64(24 * 60 * 60 * 1000)

// topicsOf are the topics and their configurations.
func topicsOf() map[string]client.Config {
	all := map[string]client.Config{
		"ephemeral": {Durability: string(ephemeral)},
		"memory":    {Durability: string(memory)},
		"disk":      {Durability: string(disk)},
		"disk-2":    {Durability: string(disk)},
		"fsync":     {Durability: string(fsync)},
		"fsync-2":   {Durability: string(fsync)},
		source:      {Durability: string(fsync)},
		copies:      {Durability: string(disk)},
		chosen:      {Durability: string(fsync)},
		again:       {Durability: string(fsync)},
		capped:      {Durability: string(fsync), CapRecords: capRecords},
		brief:       {Durability: string(disk), TTLMS: 500},
	}
	for name, config := range all {
		w := window
		config.IdempotencyWindowMS = &w
		all[name] = config
	}
	return all
}

// written are the topics that clients write, in the order of the workload.
var written = []string{"ephemeral", "memory", "disk", "disk-2", "fsync", "fsync-2", source, again, capped, brief}

// build lives the history. The last write before each kill is an fsync one, so
// that everything before it is in the log's files.
func (s *scene) build(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	defer func() {
		if s.boot != nil {
			s.boot.kill()
		}
	}()
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"start", s.begin},
		{"", s.configure},
		{"", s.load(40)},
		{"killed without a checkpoint", s.die},
		{"", s.load(30)},
		{"", s.checkpoint},
		{"", s.load(20)},
		{"killed after a checkpoint", s.die},
		{"", s.load(30)},
		{"", s.checkpoint},
		{"", s.deletes},
		{"", s.load(50)},
		{"copied while it ran", s.stay},
		{"", s.checkpoint},
		{"", s.remake},
		{"", s.load(60)},
		{"", s.checkpoint},
		{"stopped", s.end},
		{"", s.load(30)},
		{"killed", s.die},
		{"", s.load(30)},
		{"", s.checkpoint},
		{"", s.deletes},
		{"", s.checkpoint},
		{"", s.load(80)},
		{"", s.checkpoint},
		{"killed right after a checkpoint", s.die},
		{"", s.load(30)},
		{"killed at last", s.die},
	}
	for _, step := range steps {
		if err := step.do(ctx); err != nil {
			return err
		}
		if step.name == "" || step.name == "start" {
			continue
		}
		if err := s.keep(ctx, step.name); err != nil {
			return fmt.Errorf("keeping the moment %q: %w", step.name, err)
		}
		if s.boot == nil {
			if err := s.begin(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scene) begin(ctx context.Context) (err error) {
	if s.boot, err = s.start(ctx); err == nil && s.boot.refusal != "" {
		err = fmt.Errorf("the server was refused an undamaged directory: %s", s.boot.refusal)
	}
	return err
}

func (s *scene) configure(ctx context.Context) error {
	all := topicsOf()
	for _, name := range slices.Sorted(maps.Keys(all)) { // so that their ids are the same each time
		config := all[name]
		if _, err := s.boot.client.PutTopic(ctx, name, config); err != nil {
			return err
		}
		s.book[name] = newPages(name, class(config.Durability), name == copies || name == chosen)
	}
	// Copies without their tags are not like the originals: see rename.
	untagged := false
	if _, err := s.boot.client.PutRouter(ctx, "all", client.Router{Source: source, Dest: copies, PreserveTag: &untagged}); err != nil {
		return err
	}
	_, err := s.boot.client.PutRouter(ctx, "some", client.Router{Source: source, Dest: chosen, Filter: []string{"tag", "Glob", "t1*"}})
	return err
}

// load writes to random topics, and at last to one of class fsync.
func (s *scene) load(writes int) func(context.Context) error {
	return func(ctx context.Context) error {
		for range writes {
			name := written[s.rng.IntN(len(written))]
			if err := s.write(ctx, name, 1+s.rng.IntN(12)); err != nil {
				return err
			}
		}
		// What has been routed by now was promised, too.
		for _, name := range []string{copies, chosen} {
			v, err := look(ctx, s.boot.client, name)
			if err != nil {
				return err
			}
			if found := s.book[name].hold(v, whole); len(found) > 0 {
				return fmt.Errorf("before any damage: %s", found[0].words)
			}
		}
		return s.write(ctx, "fsync", 1)
	}
}

func (s *scene) write(ctx context.Context, name string, count int) error {
	s.writes++
	found, err := s.book[name].write(ctx, s.boot.client, s.rng, s.writes, count)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("before any damage: %s", found[0].words)
	}
	return err
}

// deletes removes records by seq and by tag.
func (s *scene) deletes(ctx context.Context) error {
	for _, name := range []string{"fsync-2", "disk-2", "memory", source} {
		p := s.book[name]
		state, err := s.boot.client.State(ctx, name)
		if err != nil {
			return err
		}
		before := state.EarliestSeq + (state.HeadSeq-state.EarliestSeq)/3
		if _, err := s.boot.client.DeleteRecords(ctx, name, client.Deletion{Before: &before}); err != nil {
			return err
		}
		p.remove(func(seq uint64, _ entry) bool { return seq < before })
		if name == source {
			continue
		}
		tag := "t2"
		if _, err := s.boot.client.DeleteRecords(ctx, name, client.Deletion{Match: []string{"tag", "Glob", tag + "*"}}); err != nil {
			return err
		}
		p.remove(func(_ uint64, e entry) bool { return e.tag[:len(tag)] == tag })
	}
	return s.write(ctx, "fsync", 1)
}

// remake deletes a topic and makes it again.
func (s *scene) remake(ctx context.Context) error {
	if _, err := s.boot.client.DeleteTopic(ctx, again, false); err != nil {
		return err
	}
	if _, err := s.boot.client.PutTopic(ctx, again, topicsOf()[again]); err != nil {
		return err
	}
	s.book[again] = newPages(again, fsync, false)
	return s.write(ctx, again, 3)
}

func (s *scene) checkpoint(ctx context.Context) error { return s.boot.client.Checkpoint(ctx) }

// die is kill -9.
func (s *scene) die(context.Context) error {
	s.boot.kill()
	s.boot = nil
	return nil
}

func (s *scene) end(context.Context) error {
	err := s.boot.stop()
	s.boot = nil
	return err
}

// stay lets the server go on while its directory is copied.
func (s *scene) stay(context.Context) error { return nil }

// keep copies the directory as it is.
func (s *scene) keep(ctx context.Context, name string) error {
	m := &moment{
		place:   place{dir: fmt.Sprintf("%s-moment-%d", s.dir, len(s.moments)), settings: s.settings, cold: s.cold},
		name:    name,
		book:    s.book.clone(),
		settled: s.boot == nil,
	}
	if err := copyTree(s.dir, m.dir); err != nil {
		return err
	}
	var err error
	if m.log, err = m.frames(ctx); err != nil {
		return err
	}
	s.moments = append(s.moments, m)
	return nil
}
