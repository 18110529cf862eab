package bench

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/e6e95bb8/topics/api/client"
)

const (
	debianBatch   = 500
	debianTopic   = "bench-debian"
	debianRecords = 60_000 // number of records in the generated index
	maxDebianLine = 16 << 20
)

// DebianResult is the size of a package index in segments.
type DebianResult struct {
	Corpus       string  `json:"corpus"` // "file" or "made"
	Records      int     `json:"records"`
	JSONBytes    int64   `json:"json_bytes"`
	SegmentBytes int64   `json:"segment_bytes"` // data
	IndexBytes   int64   `json:"index_bytes"`
	Ratio        float64 `json:"ratio"` // of SegmentBytes and IndexBytes to JSONBytes
}

func (b *bench) measureDebian(ctx context.Context) (r *DebianResult, err error) {
	dir, done, err := scratch(b.dir, "debian")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	server, err := boot(ctx, dir, append(b.env(), noCheckpoints...))
	if err != nil {
		return nil, err
	}
	defer server.kill()
	r = &DebianResult{Corpus: "made"}
	var lines io.Reader = newDebianLines(debianRecords)
	if b.cmd.Debian != "" {
		r.Corpus = "file"
		f, err := os.Open(b.cmd.Debian)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if lines, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("read %s: %w", b.cmd.Debian, err)
		}
	}
	if err := writeLines(ctx, server, lines, r); err != nil {
		return nil, err
	}
	if err := server.api.Checkpoint(ctx); err != nil {
		return nil, err
	}
	m, err := server.metrics(ctx)
	if err != nil {
		return nil, err
	}
	r.SegmentBytes, r.IndexBytes = m.Storage.SegmentBytes, m.Storage.SegmentIndexBytes
	r.Ratio = float64(r.SegmentBytes+r.IndexBytes) / float64(r.JSONBytes)
	b.logf("debian: %d records, %.1f MB of JSON in %.1f MB of segments", r.Records, float64(r.JSONBytes)/1e6,
		float64(r.SegmentBytes+r.IndexBytes)/1e6)
	return r, nil
}

// writeLines writes JSON lines, each of which is a record, and counts them.
func writeLines(ctx context.Context, s *server, from io.Reader, r *DebianResult) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxDebianLine)
	var batch []client.Entry
	send := func() error {
		_, err := s.api.Append(ctx, debianTopic, &client.Write{Entries: batch, OmitSeqs: true})
		batch = batch[:0]
		return err
	}
	for lines.Scan() && ctx.Err() == nil {
		batch = append(batch, client.Entry{Raw: bytes.Clone(lines.Bytes())})
		r.Records++
		r.JSONBytes += int64(len(lines.Bytes())) + 1
		if len(batch) == debianBatch {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(lines.Err(), ctx.Err()); err != nil || len(batch) == 0 {
		return err
	}
	return send()
}

// debianLines generates records of the shape of a package index: names that
// share stems, dependencies on other packages, checksums that do not compress.
type debianLines struct {
	rng   *rand.Rand
	text  []byte
	left  int
	ready bytes.Buffer
}

func newDebianLines(records int) *debianLines {
	return &debianLines{rng: rand.New(rand.NewPCG(3, 4)), text: newCorpus().text, left: records}
}

// Read implements io.Reader.
func (d *debianLines) Read(p []byte) (int, error) {
	if d.ready.Len() == 0 {
		if d.left == 0 {
			return 0, io.EOF
		}
		d.left--
		d.line()
	}
	return d.ready.Read(p)
}

// words returns n words from a random place in the text.
func (d *debianLines) words(n int) []string {
	from := d.rng.IntN(len(d.text) / 2)
	return strings.Fields(string(d.text[from : from+16*(n+2)]))[1 : n+1]
}

func (d *debianLines) version() string {
	return fmt.Sprintf("%d.%d.%d-%d", d.rng.IntN(9), d.rng.IntN(30), d.rng.IntN(9), 1+d.rng.IntN(5))
}

func (d *debianLines) line() {
	name := "lib" + strings.Join(d.words(1+d.rng.IntN(2)), "-")
	section := []string{"libs", "devel", "games", "python", "doc"}[d.rng.IntN(5)]
	version := d.version()
	var depends []string
	for _, w := range d.words(d.rng.IntN(12)) {
		depends = append(depends, fmt.Sprintf("lib%s (>= %s)", w, d.version()))
	}
	fmt.Fprintf(&d.ready, `{"data":{"package":%q,"version":%q,"architecture":"amd64","section":%q,"priority":"optional","installed_size":%d,`+
		`"depends":%q,"description":%q,"tag":"role::%s","size":%d,"sha256":"%016x%016x%016x%016x","filename":"pool/main/%c/%s/%s_%s_amd64.deb"},`+
		`"tag":"%s:%s","node":"pool-%d","meta":{"priority":"optional","arch":"amd64"}}`+"\n",
		name, version, section, d.rng.IntN(1e5), strings.Join(depends, ", "), strings.Join(d.words(5+d.rng.IntN(5)), " "),
		section, d.rng.IntN(1e8), d.rng.Uint64(), d.rng.Uint64(), d.rng.Uint64(), d.rng.Uint64(), name[3], name, name, version,
		section, name, d.rng.IntN(8))
}
