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
)

// verifyCmd checks a data directory or a backup.
type verifyCmd struct {
	dataDir
	JSON bool `help:"Print the report as JSON." name:"json"`
}

// Help is printed below the flags.
func (verifyCmd) Help() string {
	return `It changes nothing, and ends with 1 if it finds faults, with 2 if it could not look.

Examples:
  topics verify --dir topics-data
  topics verify backup-1 --json`
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
	stop := c.disk.Show(os.Stderr, "verify", 0)
	report, err := inspect.Verify(ctx, d)
	stop()
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
	stop := c.disk.Show(os.Stderr, "verify", 0)
	r, err := backup.Verify(ctx, d.FS, d.Path)
	stop()
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
