package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// dataDir is the data directory that an offline tool works on.
type dataDir struct {
	Dir  string `arg:"" help:"Data directory."`
	Cold string `help:"Cold directory of the data directory, if it has one." env:"TOPICS_COLD_DIR"`
}

func (d *dataDir) open() (inspect.Dir, error) {
	if _, err := os.Stat(d.Dir); err != nil {
		return inspect.Dir{}, unreadable{err}
	}
	boot, mount := identity(d.Dir)
	return inspect.Dir{FS: vfs.OS(), Path: d.Dir, Cold: d.Cold, BootID: boot, Mount: mount}, nil
}

// identity returns what the server uses to distinguish a kill from a power cut.
// An identity that cannot be read is empty, which counts as a power cut.
func identity(dir string) (boot, mount string) {
	boot, _ = recovery.BootID(recovery.BootIDFile)
	mount, _ = recovery.Mount(dir)
	return boot, mount
}

// unreadable is an error that prevented a tool from doing its work, as opposed
// to faults that it found.
type unreadable struct{ error }

func (e unreadable) Unwrap() error { return e.error }
func (e unreadable) ExitCode() int { return usageError }

// verifyCmd checks a data directory or a backup.
type verifyCmd struct {
	dataDir
	JSON bool `help:"Print the report as JSON." name:"json"`
}

// Run prints one line for each fault, and a summary. Faults are an error.
func (c *verifyCmd) Run(ctx context.Context) error {
	d, err := c.open()
	if err != nil {
		return err
	}
	kind, err := recovery.Examine(d.FS, d.Path)
	if err != nil {
		return unreadable{err}
	}
	if kind.Kind == recovery.Backup {
		return c.backup(ctx, d)
	}
	report, err := inspect.Verify(ctx, d)
	if err != nil {
		return unreadable{err}
	}
	if err := c.print(os.Stdout, report); err != nil {
		return err
	}
	if n := len(report.Faults); n > 0 {
		return fmt.Errorf("faults found: %d; run topics repair", n)
	}
	if report.NotOwner != "" {
		return errors.New("no faults found, but a server would refuse the cold directory")
	}
	return nil
}

// backup checks a backup.
func (c *verifyCmd) backup(ctx context.Context, d inspect.Dir) error {
	r, err := backup.Verify(ctx, d.FS, d.Path)
	if err != nil {
		return unreadable{err}
	}
	if c.JSON {
		err = printJSON(os.Stdout, r)
	} else {
		for _, f := range r.Faults {
			fmt.Println(f)
		}
		_, err = fmt.Printf("backup: files %d, bytes %d, up to lsn %d, faults %d\n", r.Files, r.Bytes, r.EndLSN, len(r.Faults))
	}
	if n := len(r.Faults); err == nil && n > 0 {
		err = fmt.Errorf("faults found: %d; the backup cannot be restored", n)
	}
	return err
}

func printJSON(w io.Writer, report any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(report)
}

func (c *verifyCmd) print(w io.Writer, r *inspect.Report) error {
	if c.JSON {
		return printJSON(w, r)
	}
	if r.InUse != "" {
		fmt.Fprintf(w, "%s is in use by %s: faults may be due to writes in progress\n", r.Dir, r.InUse)
	}
	if r.NotOwner != "" {
		fmt.Fprintln(w, r.NotOwner)
	}
	for _, f := range r.Faults {
		fmt.Fprintln(w, f)
	}
	_, err := fmt.Fprintf(w, "manifests %d, checkpoints %d, topics %d, segments %d (%d records, %d bytes), log frames %d up to lsn %d, torn bytes %d, faults %d\n",
		r.Manifests, r.Checkpoints, r.Topics, r.Segments, r.Records, r.Bytes, r.Frames, r.EndLSN, r.TornBytes, len(r.Faults))
	return err
}
