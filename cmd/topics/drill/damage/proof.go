package damage

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/replay"
	sealed "github.com/e6e95bb8/topics/wal/frame"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// frame is one frame of a log, as topics dump prints it.
type frame struct {
	Kind  string `json:"kind"`
	LSN   uint64 `json:"lsn"`
	End   uint64 `json:"end_lsn"`
	Type  string `json:"type"`
	Topic string `json:"topic"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// frames are those of the undamaged log.
func (p place) frames(ctx context.Context) (all []frame, err error) {
	code, out, words, err := p.tool(ctx, "dump", p.data(), "--frames")
	if err != nil || code != 0 {
		return nil, errors.Join(err, fmt.Errorf("topics dump: exit status %d: %s", code, words))
	}
	for line := range bytes.Lines(out) {
		var f frame
		if err := json.Unmarshal(line, &f); err != nil {
			return nil, fmt.Errorf("topics dump: %w", err)
		}
		if f.Kind == "frame" {
			all = append(all, f)
		}
	}
	return all, nil
}

const logHeader = 64

// logFile is one file of a log, read without the code under test.
type logFile struct {
	index   uint64
	content []byte
	headed  bool
	first   uint64
	id      uint64
}

func readLogFile(name string) (f logFile, ok bool, err error) {
	stem, ok := strings.CutSuffix(filepath.Base(name), ".wal")
	if n, err := fmt.Sscanf(stem, "%16x", &f.index); !ok || n != 1 || err != nil {
		return f, false, nil
	}
	if f.content, err = os.ReadFile(name); err != nil {
		return f, false, err
	}
	if f.headed = len(f.content) >= logHeader && string(f.content[:8]) == "topicwal"; f.headed {
		f.id = binary.LittleEndian.Uint64(f.content[16:])
		f.first = binary.LittleEndian.Uint64(f.content[32:])
	}
	return f, true, nil
}

// unprovable returns the position at which the log of a damaged directory
// ends, if frames are missing after it and nothing that is left shows that
// they ever were there: only zeros follow, or one frame that looks torn and a
// manifest that is whole, and the manifest knows of nothing beyond. No server can
// distinguish such a directory from one whose last writes never reached the disk.
func (p place) unprovable(was []frame) (end uint64, yes bool, err error) {
	if len(was) == 0 {
		return 0, false, nil
	}
	m, err := manifest.Read(vfs.OS(), p.data())
	if err != nil || m == nil {
		return 0, false, nil // the start has to refuse
	}
	floor, err := p.floor(m)
	if err != nil {
		return 0, false, err
	}
	files, err := p.log(m)
	if err != nil || len(files) == 0 {
		return 0, false, err
	}
	l := &log{files: files, was: was, torn: m.Fallback == nil}
	if !l.scan() {
		return 0, false, nil
	}
	return l.end, l.end >= floor && l.newest >= m.NewestFile && l.end < was[len(was)-1].End && l.blank(), nil
}

// floor is the highest position that the manifest and the states it names say
// was reached.
func (p place) floor(m *manifest.Manifest) (uint64, error) {
	floor := max(m.EndLSN, m.LogBegin)
	for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
		if c == nil {
			continue
		}
		floor = max(floor, c.Start, c.Through)
		content, ok := p.readState(c.Number)
		if !ok {
			continue // it says nothing
		}
		_ = replay.DescribeSnapshot(content, func(t *replay.StoredTopic) error {
			floor = max(floor, t.Applied)
			return nil
		}) // as far as it can be read
	}
	return floor, nil
}

// log reads the files that are in use according to the manifest, and those after.
func (p place) log(m *manifest.Manifest) (files []logFile, err error) {
	dir := filepath.Join(p.data(), manifest.LogDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var from uint64
	if m.Previous != nil {
		from = m.Previous.File
	}
	for _, e := range entries {
		f, ok, err := readLogFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if ok && f.index >= from {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b logFile) int { return int(int64(a.index) - int64(b.index)) })
	return files, nil
}

// log is the log of a directory.
type log struct {
	files []logFile
	was   []frame
	torn  bool // the last frame may be: no crash leaves a damaged manifest

	at     int    // the file in which the valid frames end
	offset int    // where in it
	end    uint64 // their position
	newest uint64 // index of the file at
	proven uint64 // what a valid frame says was durable
}

// scan follows the valid frames to their end. It reports whether there is a
// first file to begin with.
func (l *log) scan() bool {
	if !l.files[0].headed {
		return false
	}
	l.end = l.files[0].first
	for l.at = 0; ; l.at++ {
		f := l.files[l.at]
		l.newest, l.offset = f.index, logHeader
		for {
			got, size, err := sealed.Decode(f.content[min(l.offset, len(f.content)):], f.id, l.end)
			if err != nil {
				break
			}
			l.proven = max(l.proven, got.Synced)
			l.end, l.offset = l.end+uint64(size), l.offset+size
		}
		if l.at+1 == len(l.files) || !l.files[l.at+1].headed || l.files[l.at+1].first != l.end {
			return true
		}
	}
}

// blank reports whether only zeros follow the end, or what is
// left of the one frame that stood there.
func (l *log) blank() bool {
	if l.proven > l.end {
		return false
	}
	torn := 0
	for _, f := range l.was {
		if l.torn && f.LSN == l.end {
			torn = int(f.End - f.LSN)
		}
	}
	content := l.files[l.at].content
	if !zeros(content[min(l.offset+torn, len(content)):]) {
		return false
	}
	for _, f := range l.files[l.at+1:] {
		if !zeros(f.content) {
			return false
		}
	}
	return true
}

func zeros(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// trace finds out of which topics a damaged directory still has the name: in a
// state that counts, or in the frame that made them.
func (p place) trace(was []frame, b book) error {
	states, err := p.states()
	if err != nil {
		return err
	}
	for _, number := range states {
		content, ok := p.readState(number)
		if !ok {
			continue // it has no names
		}
		_ = replay.DescribeSnapshot(content, func(t *replay.StoredTopic) error {
			if of := b[t.Name]; of != nil {
				of.traced = true
			}
			return nil
		}) // likewise
	}
	files, err := p.log(&manifest.Manifest{})
	if err != nil {
		return err
	}
	for _, f := range was {
		if of := b[f.Topic]; of != nil && f.Type == "create" {
			of.traced = of.traced || slices.ContainsFunc(files, func(file logFile) bool { return file.has(f) })
		}
	}
	return nil
}

// snapshotHeader is the size of a state's header, whose last fields are the
// checksums of the content and of the rest of the header.
const snapshotHeader = 40

// readState returns the content of a state that is whole.
func (p place) readState(number uint64) (content []byte, ok bool) {
	b, err := os.ReadFile(filepath.Join(p.data(), manifest.SnapshotDir, manifest.SnapshotName(number)))
	if err != nil || len(b) < snapshotHeader {
		return nil, false
	}
	content = b[snapshotHeader:]
	return content, xxh3.Hash(content) == binary.LittleEndian.Uint64(b[24:])
}

// states are the numbers of the states that count: those that the manifest
// names, or all if there is no manifest.
func (p place) states() (numbers []uint64, err error) {
	if m, err := manifest.Read(vfs.OS(), p.data()); err == nil && m != nil {
		for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
			if c != nil {
				numbers = append(numbers, c.Number)
			}
		}
		return numbers, nil
	}
	entries, err := os.ReadDir(filepath.Join(p.data(), manifest.SnapshotDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		var number uint64
		if n, err := fmt.Sscanf(e.Name(), "%16x.state", &number); n == 1 && err == nil {
			numbers = append(numbers, number)
		}
	}
	return numbers, nil
}

// has reports whether the file has a frame whole.
func (f *logFile) has(want frame) bool {
	if !f.headed || want.LSN < f.first {
		return false
	}
	at := logHeader + want.LSN - f.first
	if at >= uint64(len(f.content)) {
		return false
	}
	_, _, err := sealed.Decode(f.content[at:], f.id, want.LSN)
	return err == nil
}

// excuse takes from the book what frames from a position on had promised.
func (b book) excuse(was []frame, from uint64) {
	for _, p := range b {
		if p.class == ephemeral { // how far its seqs went is known from reservations in the log
			clear(p.records)
			p.loose = true
		}
	}
	for _, f := range was {
		p := b[f.Topic]
		if f.LSN < from || p == nil {
			continue
		}
		switch f.Type {
		case "append", "forward":
			p.forget(f.First, f.Last)
		case "create", "config", "drop", "delete":
			p.loose = true
		}
	}
}
