package wal

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// filled opens a log and fills about that many files, all synced.
func filled(t *testing.T, fsys vfs.FS, files int) (Options, *Log, []entry) {
	t.Helper()
	o := options(fsys, ".")
	o.Manual, o.FileBytes, o.CacheBytes = true, 16<<10, 1
	l, _, _ := reopen(t, o)
	frames := written(t, l, repeat(files*perFile, samplePayload)...)
	return o, l, frames
}

func list(t *testing.T, fsys vfs.FS) []string {
	t.Helper()
	names, err := fsys.List(".")
	check(t, err)
	return names
}

// TestTruncateFront frees the files below a position, oldest first.
func TestTruncateFront(t *testing.T) {
	fsys := crashfs.New()
	_, l, frames := filled(t, fsys, 6)
	l.prepareNext()
	files := l.Files()
	for i, f := range files {
		want := File{uint64(i + 1), FileName(uint64(i + 1)), frames[i*perFile].span.Start, frames[i*perFile+perFile-1].span.End}
		if f != want {
			t.Errorf("file %d is %v, want %v", i, f, want)
		}
	}
	if s := l.Stats(); s.Files != 6 || s.Bytes != 7*16<<10 || s.Oldest != 0 || s.Freed != 0 {
		t.Errorf("stats %+v", s)
	}

	var kept []File
	keep := func(f File) error {
		if _, err := vfs.ReadFile(fsys, f.Name); err != nil {
			t.Errorf("asked to keep %v: %v", f, err)
		}
		kept = append(kept, f)
		return nil
	}
	for _, tt := range []struct {
		before LSN
		want   int // files freed
	}{
		{0, 0}, {8, 0}, {files[0].End - 8, 0}, {files[0].End, 1}, {files[0].End, 0}, {files[2].End + 8, 2},
		{files[5].End, 2}, {1 << 60, 0}, // never the current one
	} {
		n, err := l.TruncateFront(tt.before, keep)
		if n != tt.want || err != nil {
			t.Errorf("release before %d: %d files, %v, want %d", tt.before, n, err, tt.want)
		}
	}
	if !slices.Equal(kept, files[:5]) {
		t.Errorf("kept %v", kept)
	}
	if s := l.Stats(); s.Files != 1 || s.Bytes != 3*16<<10 || s.Oldest != files[5].First || s.Freed != 5 || s.Recycled != 0 {
		t.Errorf("stats %+v", s)
	}
	// One of them is kept to be recycled, the others are gone.
	if names := list(t, fsys); !slices.Equal(names, []string{oldName(1), FileName(6), FileName(7)}) {
		t.Errorf("left: %v", names)
	}
	l.cache = newCache(1) // which would serve them
	r := l.NewReader()
	for _, f := range frames[:5*perFile] {
		if _, _, err := r.Frame(f.span.Start); !errors.Is(err, ErrTruncated) {
			t.Fatalf("reading what was freed: %v", err)
		}
	}
	readBack(t, r, frames[5*perFile:]...)
	check(t, l.Close())
	if n, err := l.TruncateFront(1<<60, nil); n != 0 || !errors.Is(err, ErrClosed) {
		t.Errorf("closed: freed %d files, %v", n, err)
	}
}

// TestTruncateWaitsForTheSync: without it a power cut would leave a log whose
// oldest file has no header.
func TestTruncateWaitsForTheSync(t *testing.T) {
	fsys := crashfs.New()
	o, l, _ := filled(t, fsys, 1)
	span, err := add(l, make([]byte, samplePayload), l.WaitWritten) // in the next file
	check(t, err)
	n, err := l.TruncateFront(span.Start, nil)
	if n != 0 || err != nil || len(l.Files()) != 1 || l.Files()[0].End != span.Start {
		t.Errorf("freed %d files, %v; files %v", n, err, l.Files())
	}
	check(t, l.WaitSynced(span.End))
	if files := l.Files(); len(files) != 2 || files[1].End != span.End {
		t.Errorf("files %v", files)
	}
	if n, err := l.TruncateFront(span.Start, nil); n != 1 || err != nil {
		t.Errorf("freed %d files, %v", n, err)
	}
	o.First, o.Start, o.FS = 2, span.Start, fsys.Crash(rand.New(rand.NewPCG(1, 1)))
	if _, got, _ := reopen(t, o); len(got) != 1 {
		t.Errorf("%d frames", len(got))
	}
}

// TestTruncateKeepsAnEmptyFile: it begins where the next one does, which was not
// there when it was recorded as the first one needed.
func TestTruncateKeepsAnEmptyFile(t *testing.T) {
	for _, begin := range []LSN{0, 1 << 20} {
		fsys := crashfs.New()
		o := options(fsys, ".")
		o.Manual, o.FileBytes, o.Begin = true, 16<<10, begin
		l, _, _ := reopen(t, o)
		frames := written(t, l, 40<<10, 8)
		if files := l.Files(); files[0].First != files[1].First {
			t.Fatalf("files %v", files)
		}
		if n, err := l.TruncateFront(begin, nil); n != 0 || err != nil {
			t.Errorf("freed %d files, %v", n, err)
		}
		if n, err := l.TruncateFront(frames[1].span.Start, nil); n != 2 || err != nil {
			t.Errorf("freed %d files, %v", n, err)
		}
		check(t, l.Close())
	}
}

// TestTruncateStopsWhereKeepFails and continues there the next time.
func TestTruncateStopsWhereKeepFails(t *testing.T) {
	_, l, frames := filled(t, crashfs.New(), 5)
	full := errors.New("archive full")
	var asked []uint64
	for round := range 2 {
		n, err := l.TruncateFront(l.Tail(), func(f File) error {
			asked = append(asked, f.Index)
			if f.Index == 3 && round == 0 {
				return full
			}
			return nil
		})
		if round == 0 && (n != 2 || !errors.Is(err, full)) || round == 1 && (n != 2 || err != nil) {
			t.Errorf("round %d: freed %d, %v", round, n, err)
		}
		if round == 0 {
			readBack(t, l.NewReader(), frames[2*perFile:]...)
		}
	}
	if !slices.Equal(asked, []uint64{1, 2, 3, 3, 4}) {
		t.Errorf("asked to keep %v", asked)
	}
	check(t, l.Close())
}

// TestTruncateOnAFailedLog does nothing.
func TestTruncateOnAFailedLog(t *testing.T) {
	inj := &errfs.Injector{Ops: errfs.Sync}
	fsys := crashfs.New()
	_, l, frames := filled(t, errfs.New(fsys, inj), 3)
	inj.Nth = inj.Count() + 1
	span, err := add(l, []byte("x"), l.WaitWritten)
	check(t, err)
	if err := l.WaitSynced(span.End); !errors.Is(err, ErrReadOnly) {
		t.Fatal(err)
	}
	before := list(t, fsys)
	if n, err := l.TruncateFront(l.Tail(), nil); n != 0 || !errors.Is(err, ErrReadOnly) || !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("freed %d, %v", n, err)
	}
	if !slices.Equal(before, list(t, fsys)) {
		t.Error("changed the directory")
	}
	readBack(t, l.NewReader(), frames...)
	l.Close()
}

// TestTruncateServesTheCache: what the cache holds needs no file.
func TestTruncateServesTheCache(t *testing.T) {
	o := options(crashfs.New(), ".")
	o.Manual, o.FileBytes, o.CacheBytes = true, 16<<10, 1<<20
	l, _, _ := reopen(t, o)
	frames := written(t, l, repeat(3*perFile, samplePayload)...)
	if n, err := l.TruncateFront(l.Tail(), nil); n != 2 || err != nil {
		t.Fatalf("freed %d, %v", n, err)
	}
	readBack(t, l.NewReader(), frames...)
	check(t, l.Close())
}

// TestFinished: a file reported finished survives a power cut whole.
func TestFinished(t *testing.T) {
	fsys := crashfs.New()
	o := options(fsys, ".")
	o.Manual, o.FileBytes = true, 16<<10
	var told []File
	o.Finished = func(f File) {
		told = append(told, f)
		b, err := vfs.ReadFile(fsys.Clone().Crash(rand.New(rand.NewPCG(f.Index, 1))), f.Name)
		check(t, err)
		if h, ok, _ := decodeHeader(b, f.Name); !ok || h.first != f.First {
			t.Errorf("%v has no header", f)
		}
		m := image{FileName(f.Index): b}
		cut := o
		cut.First, cut.Finished, cut.FS, cut.Synced = f.Index, nil, m.mount(t), f.End
		if _, end, err := runAll(cut); err != nil || end != f.End {
			t.Errorf("%v ends at %d, %v", f, end, err)
		}
	}
	l, _, _ := reopen(t, o)
	written(t, l, repeat(2*perFile+1, samplePayload)...)
	for range 2 * perFile { // two rotations between two syncs
		_, err := add(l, make([]byte, samplePayload), l.WaitWritten)
		check(t, err)
	}
	if len(told) != 2 {
		t.Errorf("reported %v before the sync", told)
	}
	check(t, l.WaitSynced(l.Tail()))
	if files := l.Files(); len(files) != 5 || !slices.Equal(told, files[:4]) {
		t.Errorf("reported %v, files %v", told, files)
	}
	check(t, l.Close())
	told = nil
	l, _, _ = reopen(t, o)
	written(t, l, repeat(perFile, samplePayload)...)
	if len(told) != 1 || told[0] != l.Files()[4] {
		t.Errorf("reported %v after opening again", told)
	}
	check(t, l.Close())
}

// TestTruncateWhatIsGone: a file that someone else removed is no longer needed.
func TestTruncateWhatIsGone(t *testing.T) {
	fsys := crashfs.New()
	_, l, _ := filled(t, fsys, 3)
	check(t, fsys.Remove(FileName(1)))
	if _, err := fsys.Open(FileName(1)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if n, err := l.TruncateFront(l.Tail(), nil); n != 2 || err != nil {
		t.Errorf("freed %d, %v", n, err)
	}
	written(t, l, repeat(2*perFile, samplePayload)...)
	check(t, l.Close())
}
