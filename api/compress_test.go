package api

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, doc []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(doc); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, doc []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(doc); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompressedBodies(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.MaxBodyBytes = 1 << 20 })
	doc := []byte(`{"records":[{"data":"` + strings.Repeat("x", 1000) + `"}]}`)
	bomb := bytes.Repeat([]byte(" "), 64<<20)
	wide := zstded(t, bytes.Repeat([]byte(" "), 1<<20), zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	for _, tc := range []struct {
		name, coding string
		body         []byte
		status       int
		code         string
	}{
		{"plain", "identity", doc, 200, ""},
		{"gzip", "gzip", gzipped(t, doc), 200, ""},
		{"x-gzip", "X-GZIP", gzipped(t, doc), 200, ""},
		{"zstd", "zstd", zstded(t, doc), 200, ""},
		{"two gzip members", "gzip", append(gzipped(t, doc[:9]), gzipped(t, doc[9:])...), 200, ""},
		{"two zstd frames", "zstd", append(zstded(t, doc[:9]), zstded(t, doc[9:])...), 200, ""},
		{"not gzip", "gzip", doc, 400, "invalid_request"},
		{"not zstd", "zstd", doc, 400, "invalid_request"},
		{"gzip cut", "gzip", gzipped(t, doc)[:30], 400, "invalid_request"},
		{"zstd cut", "zstd", zstded(t, doc)[:15], 400, "invalid_request"},
		{"gzip with garbage", "gzip", append(gzipped(t, doc), "garbage"...), 400, "invalid_request"},
		{"gzip bomb", "gzip", gzipped(t, bomb), 413, "payload_too_large"},
		{"zstd bomb", "zstd", zstded(t, bomb), 413, "payload_too_large"},
		{"zstd window", "zstd", wide, 400, "invalid_request"},
		{"br", "br", doc, 415, "unsupported_media_type"},
		{"both", "gzip, zstd", doc, 415, "unsupported_media_type"},
	} {
		// Twice: a decoder that has failed is used again.
		for range 2 {
			do(s, "PUT", "/v0/topics/t", "")
			w := do(s, "POST", "/v0/topics/t", string(tc.body), "Content-Encoding", tc.coding)
			if tc.code == "" {
				if w.Code != tc.status {
					t.Errorf("%s: %d %s", tc.name, w.Code, w.Body)
				}
				continue
			}
			if wantCode(t, w, tc.status, tc.code); tc.status == 415 && w.Header().Get("Accept-Encoding") != "gzip, zstd" {
				t.Errorf("%s: Accept-Encoding %q", tc.name, w.Header().Get("Accept-Encoding"))
			}
		}
	}
	if got := object(t, do(s, "GET", "/v0/topics/t/diff?limit=1", ""))["records"].([]any); len(fmt.Sprint(got)) < 1000 {
		t.Errorf("records %v", got)
	}
}

func TestCompressedAnswers(t *testing.T) {
	s, _ := openServer(nil)
	do(s, "POST", "/v0/topics/t", `{"records":[{"data":"`+strings.Repeat("xyz", 2000)+`"}]}`)
	want := do(s, "GET", "/v0/topics/t/diff", "").Body.String()
	want, _, _ = strings.Cut(want, `"performance"`)
	for accept, coding := range map[string]string{
		"":                               "",
		"identity":                       "",
		"br":                             "",
		"gzip":                           "gzip",
		"GZIP ; q=0.5":                   "gzip",
		"gzip;q=0":                       "",
		"gzip;q=banana":                  "",
		"*":                              "gzip",
		"*;q=0":                          "",
		"gzip;q=0, *":                    "",
		"zstd":                           "zstd",
		"gzip, deflate, br, zstd":        "zstd",
		"gzip;q=1.0, zstd;q=0.5":         "gzip",
		"gzip;q=0.5, zstd;q=0.5, br;q=1": "zstd",
		"zstd;q=0, gzip;q=0.001":         "gzip",
		",,;;=":                          "",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			w := do(s, method, "/v0/topics/t/diff", "", "Accept-Encoding", accept)
			if got := w.Header().Get("Content-Encoding"); got != coding {
				t.Errorf("%q: Content-Encoding %q, want %q", accept, got, coding)
				continue
			}
			if w.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("%q: Vary %q", accept, w.Header().Get("Vary"))
			}
			if method == "HEAD" {
				if w.Body.Len() > 0 || w.Header().Get("Content-Length") == "0" {
					t.Errorf("%q: HEAD gave %d bytes, Content-Length %s", accept, w.Body.Len(), w.Header().Get("Content-Length"))
				}
				continue
			}
			if got := w.Header().Get("Content-Length"); got != fmt.Sprint(w.Body.Len()) {
				t.Errorf("%q: Content-Length %s of %d", accept, got, w.Body.Len())
			}
			if got := inflate(t, coding, w.Body); !strings.HasPrefix(got, want) {
				t.Errorf("%q: %.80q", accept, got)
			}
		}
	}
	w := do(s, "GET", "/v0/topics/t", "", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "" {
		t.Errorf("an answer of %d bytes is compressed", w.Body.Len())
	}
}

func inflate(t *testing.T, coding string, src io.Reader) string {
	t.Helper()
	switch coding {
	case "gzip":
		z, err := gzip.NewReader(src)
		if err != nil {
			t.Fatal(err)
		}
		src = z
	case "zstd":
		z, err := zstd.NewReader(src)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		src = z
	}
	b, err := io.ReadAll(src)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
