package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"
)

// image is a container image for several architectures in the form of the OCI's image
// layout, as docker load, podman load and skopeo read it. Its configuration is that of
// docs/deploy/docker/Dockerfile.
type image struct {
	date      time.Time
	version   string
	commit    string
	blobs     []entry
	manifests []descriptor
}

type descriptor struct {
	Type        string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Arch   string `json:"architecture"`
	System string `json:"os"`
}

type imageConfig struct {
	platform
	Created string    `json:"created"`
	Run     container `json:"config"`
	Root    struct {
		Type  string   `json:"type"`
		Diffs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []history `json:"history"`
}

type history struct {
	Created string `json:"created"`
	By      string `json:"created_by"`
}

// container is what a container is started with.
type container struct {
	User       string              `json:"User"`
	Ports      map[string]struct{} `json:"ExposedPorts"`
	Env        []string            `json:"Env"`
	Entrypoint []string            `json:"Entrypoint"`
	StopSignal string              `json:"StopSignal"`
	Health     healthcheck         `json:"Healthcheck"` // Docker's own
	Labels     map[string]string   `json:"Labels"`
}

type healthcheck struct {
	Test     []string      `json:"Test"`
	Interval time.Duration `json:"Interval"`
	Timeout  time.Duration `json:"Timeout"`
	Start    time.Duration `json:"StartPeriod"`
	Retries  int           `json:"Retries"`
}

// user is the uid and gid in the image, which has no names of users.
const user = 65532

func (i *image) container() container {
	return container{
		User:       fmt.Sprintf("%d:%d", user, user),
		Ports:      map[string]struct{}{"4000/tcp": {}},
		Env:        []string{"TOPICS_DATA_DIR=/volume/data"},
		Entrypoint: []string{"/topics"},
		StopSignal: "SIGTERM",
		Health: healthcheck{
			Test: []string{"CMD", "/topics", "probe", "ready"}, Interval: 10 * time.Second, Timeout: 5 * time.Second, Start: time.Hour, Retries: 3,
		},
		Labels: map[string]string{
			"org.opencontainers.image.title":    "topics",
			"org.opencontainers.image.version":  i.version,
			"org.opencontainers.image.revision": i.commit,
			"org.opencontainers.image.source":   "https://github.com/e6e95bb8/topics",
			"org.opencontainers.image.licenses": "Apache-2.0",
		},
	}
}

// The types of the OCI's documents.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// add adds the program for an architecture of Linux.
func (i *image) add(arch string, program []byte) error {
	plain, err := tarball(i.date, []entry{
		{name: "topics", mode: 0o755, text: program},
		{name: "volume/", mode: 0o755, owner: user},
		{name: "volume/data/", mode: 0o700, owner: user},
	})
	if err != nil {
		return err
	}
	packed, err := gzipped(plain)
	if err != nil {
		return err
	}
	created := i.date.UTC().Format(time.RFC3339)
	config := imageConfig{platform: platform{arch, "linux"}, Created: created, Run: i.container(), History: []history{{created, "make release"}}}
	config.Root.Type = "layers"
	config.Root.Diffs = []string{digest(plain)}
	described, err := i.document(configType, config)
	if err != nil {
		return err
	}
	manifest, err := i.document(manifestType, struct {
		Schema int          `json:"schemaVersion"`
		Type   string       `json:"mediaType"`
		Config descriptor   `json:"config"`
		Layers []descriptor `json:"layers"`
	}{2, manifestType, described, []descriptor{i.blob(layerType, packed)}})
	if err != nil {
		return err
	}
	manifest.Platform = &config.platform
	i.manifests = append(i.manifests, manifest)
	return nil
}

// layout returns the image as an archive.
func (i *image) layout() ([]byte, error) {
	list, err := i.document(indexType, index{2, indexType, i.manifests})
	if err != nil {
		return nil, err
	}
	list.Annotations = map[string]string{
		"org.opencontainers.image.ref.name": i.version,
		"io.containerd.image.name":          "docker.io/library/topics:" + i.version,
	}
	text, err := json.Marshal(index{2, indexType, []descriptor{list}})
	if err != nil {
		return nil, err
	}
	entries := append([]entry{
		{name: "oci-layout", mode: 0o644, text: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{name: "index.json", mode: 0o644, text: text},
		directory("blobs/"),
		directory("blobs/sha256/"),
	}, i.blobs...)
	return tarball(i.date, entries)
}

type index struct {
	Schema    int          `json:"schemaVersion"`
	Type      string       `json:"mediaType"`
	Manifests []descriptor `json:"manifests"`
}

func (i *image) document(kind string, value any) (descriptor, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return descriptor{}, err
	}
	return i.blob(kind, text), nil
}

func (i *image) blob(kind string, text []byte) descriptor {
	d := descriptor{Type: kind, Digest: digest(text), Size: len(text)}
	i.blobs = append(i.blobs, entry{name: path.Join("blobs", strings.Replace(d.Digest, ":", "/", 1)), mode: 0o644, text: text})
	return d
}

func digest(text []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(text)) }
