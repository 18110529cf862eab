package vfs_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// checker is one run of one clause.
type checker struct {
	t    *testing.T
	fs   vfs.FS
	root string
}

func (c *checker) path(name string) string { return c.root + "/" + name }

func (c *checker) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *checker) fails(err, want error) {
	c.t.Helper()
	if !errors.Is(err, want) {
		c.t.Fatalf("error %v, want %v", err, want)
	}
}

// file makes a file with that content.
func (c *checker) file(name, content string) vfs.File {
	c.t.Helper()
	f, err := c.fs.Create(c.path(name))
	c.ok(err)
	c.t.Cleanup(func() { f.Close() })
	_, err = f.WriteAt([]byte(content), 0)
	c.ok(err)
	return f
}

func (c *checker) holds(name, want string) {
	c.t.Helper()
	got, err := vfs.ReadFile(c.fs, c.path(name))
	c.ok(err)
	if string(got) != want {
		c.t.Fatalf("%s holds %q, want %q", name, got, want)
	}
}

func (c *checker) lists(dir string, want ...string) {
	c.t.Helper()
	got, err := c.fs.List(dir)
	c.ok(err)
	if !slices.Equal(got, want) {
		c.t.Fatalf("%s lists %q, want %q", dir, got, want)
	}
}
