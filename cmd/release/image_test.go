package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestImage reads an image as a container engine does, from the index to the files of
// each layer, and holds all digests and sizes.
func TestImage(t *testing.T) {
	made := image{date: time.Unix(1_800_000_000, 0), version: "0.1.0", commit: commit}
	archs := []string{"amd64", "arm64"}
	for _, arch := range archs {
		err := made.add(arch, []byte("program for "+arch))
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := made.layout()
	if err != nil {
		t.Fatal(err)
	}
	files := untar(t, text)
	if got := files["oci-layout"]; got != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout is %s", got)
	}
	blob := func(d descriptor) string {
		t.Helper()
		text := files["blobs/"+strings.Replace(d.Digest, ":", "/", 1)]
		if len(text) != d.Size || fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))) != d.Digest {
			t.Fatalf("%+v: %d bytes", d, len(text))
		}
		return text
	}
	var top, list index
	parse(t, files["index.json"], &top)
	parse(t, blob(top.Manifests[0]), &list)
	if len(top.Manifests) != 1 || len(list.Manifests) != len(archs) {
		t.Fatalf("%+v, %+v", top, list)
	}
	for i, m := range list.Manifests {
		var manifest struct {
			Config descriptor
			Layers []descriptor
		}
		parse(t, blob(m), &manifest)
		var config imageConfig
		parse(t, blob(manifest.Config), &config)
		packed, err := gzip.NewReader(strings.NewReader(blob(manifest.Layers[0])))
		if err != nil {
			t.Fatal(err)
		}
		layer, err := io.ReadAll(packed)
		if err != nil {
			t.Fatal(err)
		}
		if m.Platform.Arch != archs[i] || config.Arch != archs[i] || config.System != "linux" {
			t.Errorf("%+v, %+v, want %s", m.Platform, config.platform, archs[i])
		}
		if !slices.Equal(config.Root.Diffs, []string{digest(layer)}) || len(manifest.Layers) != 1 {
			t.Errorf("%+v", config.Root)
		}
		if got := untar(t, layer); got["topics"] != "program for "+archs[i] || len(got) != 3 {
			t.Errorf("%v", got)
		}
	}
}

// TestImageIsTheDockerfiles: both ways to an image give containers the same configuration.
func TestImageIsTheDockerfiles(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/deploy/docker/Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(string(text), "FROM scratch\n")
	c := (&image{}).container()
	var port string
	for port = range c.Ports {
		port = strings.TrimSuffix(port, "/tcp")
	}
	quoted := func(words []string) string { return `["` + strings.Join(words, `", "`) + `"]` }
	for _, want := range []string{
		"USER " + c.User, "ENV " + c.Env[0], "EXPOSE " + port, "STOPSIGNAL " + c.StopSignal, "ENTRYPOINT " + quoted(c.Entrypoint),
		"COPY --from=build --chown=" + c.User + " /volume /volume", "COPY --from=build /topics " + c.Entrypoint[0],
		fmt.Sprintf("HEALTHCHECK --interval=%.0fs --timeout=%.0fs --start-period=%.0fh --retries=%d CMD %s",
			c.Health.Interval.Seconds(), c.Health.Timeout.Seconds(), c.Health.Start.Hours(), c.Health.Retries, quoted(c.Health.Test[1:])),
	} {
		if !slices.Contains(strings.Split(last, "\n"), want) {
			t.Errorf("no line %q in:\n%s", want, last)
		}
	}
}

func parse(t *testing.T, text string, into any) {
	t.Helper()
	err := json.Unmarshal([]byte(text), into)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

func untar(t *testing.T, text []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	r := tar.NewReader(bytes.NewReader(text))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(content)
	}
}
