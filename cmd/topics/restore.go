package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/metered"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// restoreCmd makes a data directory from a backup.
type restoreCmd struct {
	From    string       `required:"" placeholder:"DIR" help:"Backup to restore."`
	To      string       `required:"" placeholder:"DIR" help:"Data directory to make. It must be empty or absent."`
	Archive []string     `placeholder:"DIR" help:"Directory with later log files to restore too: the server's archive directory, or wal/ of a data directory that crashed. Can be repeated."`
	Until   restoreUntil `placeholder:"WHEN" help:"Omit later writes: a time (RFC 3339 or Unix milliseconds), or lsn:N to omit everything from that position of the log on."`
	JSON    bool         `name:"json" help:"Print JSON."`
}

// Help is printed below the flags.
func (restoreCmd) Help() string {
	return "Examples:\n  topics restore --from backup-1 --to restored\n  topics serve --data-dir restored --port 4001"
}

// Run restores the backup and prints a summary.
func (c *restoreCmd) Run(ctx context.Context) error {
	boot, mount := identity(c.To)
	disk := metered.New(vfs.OS())
	stop := disk.Show(os.Stderr, "restore", sizeOf(c.From))
	out, err := backup.Restore(ctx, backup.Restoring{
		FS: disk, From: c.From, To: c.To, Archives: c.Archive, Until: backup.Until(c.Until), BootID: boot, Mount: mount,
	})
	stop()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(os.Stdout, map[string]any{"dir": c.To, "backup": out.Backup, "files": out.Files, "end_lsn": out.EndLSN, "last_write": out.Last})
	}
	last := ""
	if !out.Last.IsZero() {
		last = ", last write at " + out.Last.Format("2006-01-02T15:04:05.000Z07:00")
	}
	_, err = fmt.Fprintf(os.Stdout, "restored the backup of %s to %s: %d files, up to lsn %d%s\n",
		out.Backup.Format(time.RFC3339), c.To, out.Files, out.EndLSN, last)
	return err
}

// restoreUntil is backup.Until on the command line.
type restoreUntil backup.Until

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *restoreUntil) UnmarshalText(b []byte) error {
	until, err := backup.ParseUntil(string(b))
	*u = restoreUntil(until)
	return err
}
