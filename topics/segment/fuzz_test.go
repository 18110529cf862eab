package segment

import (
	"bytes"
	"context"
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"pgregory.net/rapid"
)

// sample returns a small segment with every kind of page, and its file system.
func sample(t rapid.TB) (*Segment, vfs.FS) {
	fsys := newFS(t)
	return build(t, fsys, 1, sampleItems(), NewCache(0)), fsys
}

// FuzzFrame holds that no input makes the decoder panic or return more than the
// header says, and that decoded content can be encoded again.
func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, blockMagic, 0, bytes.Repeat([]byte("a"), 100)), uint32(0))
	f.Add(appendFrame(nil, blockMagic, 0, []byte("a")), uint32(0))
	f.Add(appendFrame(nil, blockMagic, 0, bytes.Repeat([]byte("a"), 100)), uint32(1<<21))
	f.Fuzz(func(t *testing.T, b []byte, raw uint32) {
		for _, sealed := range []bool{false, true} {
			if sealed && len(b) >= frameSize { // to get past the checksum
				b = bytes.Clone(b)
				if raw > 0 {
					binary.LittleEndian.PutUint32(b[8:], raw)
				}
				binary.LittleEndian.PutUint32(b, blockMagic)
				binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-frameSize))
				binary.LittleEndian.PutUint64(b[16:], frameSum(b, 0))
			}
			got, cause := decodeFrame(b, blockMagic, 0)
			if (got == nil) == (cause == "") || cap(got) > (len(b)+1)*maxRatio {
				t.Fatalf("%d bytes, %q", cap(got), cause)
			}
			if got == nil {
				continue
			}
			if again, cause := decodeFrame(appendFrame(nil, blockMagic, 7, got), blockMagic, 7); !bytes.Equal(again, got) {
				t.Fatalf("again %d bytes, %q, want %d", len(again), cause, len(got))
			}
		}
	})
}

// FuzzHeader holds the same for both headers and the footer.
func FuzzHeader(f *testing.F) {
	f.Add(header{1, 2}.encode(dataMagic))
	foot := footer{tableOff: 100, tableLen: 900, records: 1, dataLen: 99}
	f.Add(foot.encode(3))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHeader(b, dataMagic, "x"); err == nil && !bytes.Equal(h.encode(dataMagic)[:32], b[:32]) {
			t.Fatalf("%+v of %x", h, b)
		}
		if h, ok := decodeFooter(b, 3, 1000+footerSize); ok && !bytes.Equal(h.encode(3), b) {
			t.Fatalf("%+v of %x", h, b)
		}
	})
}

// FuzzBlock holds that the runs of a block never yield more than it holds.
func FuzzBlock(f *testing.F) {
	raw := appendRunHead(nil, 1, 2, 5, -7)
	raw = appendRunRecord(appendRunRecord(raw, 0, 0, []byte("abc")), 3, 9, nil)
	f.Add(raw)
	f.Add(append(raw, raw...))
	f.Add(appendRunRecord(appendRunRecord(appendRunHead(nil, 1, 2, 1<<64-1, 1<<63-1), 0, 0, nil), 0, 0, nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		total := 0
		_, err := eachRecord(raw, func(_, _ uint64, _ int64, b []byte) error {
			total += len(b) + 3
			return nil
		})
		if err != nil || total > len(raw) {
			t.Fatalf("%d bytes of %d, %v", total, len(raw), err)
		}
		d, ok := openRun(raw)
		last, lastTS, first := d.seq, d.ts, true
		for ok && d.left > 0 {
			if _, ok = d.next(); ok && !first && (d.seq <= last || d.ts < lastTS) {
				t.Fatalf("seq %d at %d after %d at %d", d.seq, d.ts, last, lastTS)
			}
			last, lastTS, first = d.seq, d.ts, false
		}
	})
}

// FuzzPage holds that a decoded page agrees with its extent.
func FuzzPage(f *testing.F) {
	s, _ := sample(f)
	check(f, s.Extents(func(e Extent) error {
		raw := must(s.readPage(context.Background(), extentMagic, e.page, e.Topic))
		f.Add(raw, appendExtent(nil, &e, &Extent{}))
		return nil
	}))
	f.Fuzz(func(t *testing.T, raw, entry []byte) {
		e, ok := decodeExtent(&reader{p: entry}, &Extent{}, 1<<40)
		if !ok {
			return
		}
		p := decodePage(raw, &e, 1<<40)
		if p == nil {
			return
		}
		n, sum := 0, uint64(0)
		for i := range p.Runs {
			r := &p.Runs[i]
			if r.Start != n || r.Count < 1 || uint64(r.inner)+uint64(r.size) > uint64(r.block.raw) || r.block.raw > maxRaw || p.RunOf(n) != i {
				t.Fatalf("run %+v", r)
			}
			n += r.Count
		}
		for i := range p.Seq {
			if i > 0 && (p.Seq[i] <= p.Seq[i-1] || p.TS[i] < p.TS[i-1]) || p.Find(&e, e.First+uint64(p.Seq[i])) != i {
				t.Fatalf("record %d: %v, %v", i, p.Seq, p.TS)
			}
			sum += uint64(p.Size[i])
		}
		if n != int(e.Count) || len(p.Seq) != n || e.First+uint64(p.Seq[n-1]) != e.Last ||
			e.FirstTS+int64(p.TS[n-1]) != e.LastTS || sum != e.Bytes {
			t.Fatalf("%+v of %+v", p, e)
		}
		again := decodePage(p.appendColumns(appendRuns(nil, p.Runs)), &e, 1<<40)
		if !reflect.DeepEqual(again, p) {
			t.Fatalf("again %+v, want %+v", again, p)
		}
	})
}

// FuzzTable holds that extents are in order and in bounds, and that decoded
// entries can be encoded again.
func FuzzTable(f *testing.F) {
	s, _ := sample(f)
	f.Add(must(s.readPage(context.Background(), tableMagic, place{s.foot.tableOff, uint32(s.foot.tableLen)}, 0)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		const limit = 1 << 30
		r := &reader{p: raw}
		var all []Extent
		for prev := (Extent{}); len(r.p) > 0; {
			e, ok := decodeExtent(r, &prev, limit)
			if !ok {
				break
			}
			if prev.Count > 0 && (e.Topic < prev.Topic || e.Topic == prev.Topic && (e.First <= prev.Last || e.FirstTS < prev.LastTS)) ||
				e.Last < e.First || e.LastTS < e.FirstTS || e.pageEnd() > limit || e.dir.off+int64(e.dir.size) > limit {
				t.Fatalf("%+v after %+v", e, prev)
			}
			all, prev = append(all, e), e
		}
		var again []byte
		prev := Extent{}
		for i := range all {
			again = appendExtent(again, &all[i], &prev)
			prev = all[i]
		}
		r, prev = &reader{p: again}, Extent{}
		for _, want := range all {
			if e, ok := decodeExtent(r, &prev, limit); !ok || e != want {
				t.Fatalf("again %+v, want %+v", e, want)
			}
			prev = want
		}
	})
}

// FuzzTags holds that tags and seqs in pages and directories ascend.
func FuzzTags(f *testing.F) {
	s, _ := sample(f)
	var first Extent
	check(f, s.Extents(func(e Extent) error {
		if e.Topic == 1 && e.HasTags() {
			first = e
		}
		return nil
	}))
	d := must(s.readDirectory(&first))
	for _, at := range d.pages {
		f.Add(must(s.readPage(context.Background(), tagsMagic, at, 1)))
	}
	f.Add(must(s.readPage(context.Background(), directoryMagic, first.dir, 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p postingDecoder
		var last []byte
		p.open(raw)
		for n := 0; p.next(); n++ {
			if n > 0 && bytes.Compare(p.tag, last) <= 0 || len(p.tag) > MaxTag || len(p.seqs) > len(raw) {
				t.Fatalf("%q after %q", p.tag, last)
			}
			for i := 1; i < len(p.seqs); i++ {
				if p.seqs[i] <= p.seqs[i-1] {
					t.Fatal(p.seqs)
				}
			}
			last = append(last[:0], p.tag...)
		}
		d := decodeDirectory(raw, 1<<40)
		if d == nil {
			return
		}
		for i, at := range d.pages {
			if at.off < headerSize || at.off+int64(at.size) > 1<<40 || i > 0 && bytes.Compare(d.first[i], d.first[i-1]) < 0 {
				t.Fatalf("page %d of %+v", i, d)
			}
			if d.seek(d.first[i]) > i {
				t.Fatalf("seek %q", d.first[i])
			}
		}
		if again := decodeDirectory(appendDirectory(nil, d), 1<<40); !reflect.DeepEqual(again, d) {
			t.Fatalf("again %+v, want %+v", again, d)
		}
	})
}

// FuzzFiles holds that arbitrary changes to the files never make a reader
// panic: not Open, Extents, Page, Run, Tags, nor Verify and Scan.
func FuzzFiles(f *testing.F) {
	s, fsys := sample(f)
	data, index := must(vfs.ReadFile(fsys, s.dataFile())), must(vfs.ReadFile(fsys, s.indexName))
	f.Add(data, index)
	f.Add(data[:headerSize+30], index[:headerSize+footerSize])
	f.Fuzz(readFiles)
}

func readFiles(t *testing.T, data, index []byte) {
	fsys := newFS(t)
	for name, b := range map[string][]byte{DataName(1): data, IndexName(1): index} {
		w := must(fsys.Create(testDir + "/" + name))
		_ = must(w.WriteAt(b, 0))
	}
	if s, err := Open(fsys, testDir, testDir, 1, testLog, NewCache(1<<20)); err == nil {
		_, _ = contents(s)
		if _, err := Verify(s, nil, func(Damage) {}); err != nil {
			t.Error(err)
		}
		s.Release()
	}
	end := int64(-1)
	_ = Scan(fsys, testDir, 1, func(off int64, _, _ uint64, _ int64, _ []byte) error {
		if off < end {
			t.Errorf("offset %d after %d", off, end)
		}
		end = off
		return nil
	}, func(Damage) error { return nil })
}

// FuzzContent holds the same for files with valid checksums and arbitrary
// content in their one block and their pages.
func FuzzContent(f *testing.F) {
	fsys := newFS(f)
	s := build(f, fsys, 1, bulk(1, 3), NewCache(0))
	check(f, s.Extents(func(e Extent) error {
		p := must(s.decodePage(context.Background(), &e))
		d := must(s.readDirectory(&e))
		tags := must(s.readPage(context.Background(), tagsMagic, d.pages[0], 1))
		f.Add(must(s.decodeBlock(context.Background(), &e, p, 0)), must(s.readPage(context.Background(), extentMagic, e.page, 1)), tags, uint64(len(d.first[0])),
			e.Topic, e.First, e.Last, e.FirstTS, e.LastTS, e.Count, e.Bytes)
		return nil
	}))
	f.Fuzz(func(t *testing.T, raw, page, tags []byte, firstTag, topic, first, last uint64, ts, lastTS int64, count uint32, bytes uint64) {
		if len(raw) == 0 || len(page) == 0 || len(tags) == 0 {
			return
		}
		data := appendFrame(header{testLog, 1}.encode(dataMagic), blockMagic, 0, raw)
		index := header{testLog, 1}.encode(indexMagic)
		seed := headerSum(index)
		put := func(magic uint32, raw []byte) place {
			at := len(index)
			index = appendFrame(index, magic, seed+uint64(at), raw)
			return place{int64(at), uint32(len(index) - at)}
		}
		e := Extent{Topic: topic, First: first, Last: last, FirstTS: ts, LastTS: lastTS, Count: count, Bytes: bytes}
		e.page = put(extentMagic, page)
		d := directory{pages: []place{put(tagsMagic, tags)}, first: [][]byte{tags[:min(firstTag, uint64(len(tags)), MaxTag)]}}
		e.dir = put(directoryMagic, appendDirectory(nil, &d))
		at := put(tableMagic, appendExtent(nil, &e, &Extent{}))
		foot := footer{tableOff: at.off, tableLen: int64(at.size), records: uint64(count), bytes: bytes, topics: 1, extents: 1, dataLen: int64(len(data))}
		index = append(index, foot.encode(seed)...)
		readFiles(t, data, index)
	})
}
