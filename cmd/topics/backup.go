package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/metered"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// backupCmd copies a data directory.
type backupCmd struct {
	To      string `required:"" placeholder:"DIR" help:"Directory for the backup. It must be empty or absent."`
	Dir     string `placeholder:"DIR" help:"Back up this data directory instead of a server's. No server may be using it."`
	ColdDir string `placeholder:"DIR" help:"Cold directory of that data directory (default: $TOPICS_COLD_DIR)." env:"TOPICS_COLD_DIR"`
	JSON    bool   `name:"json" help:"Print JSON."`
	remote.Flags
}

// Help is printed below the flags.
func (backupCmd) Help() string {
	return `A running server is backed up over its admin routes, with a key that has the scope admin and access to all names.

Examples:
  topics backup --to backup-1
  topics backup --dir topics-data --to backup-2 --json`
}

// Run makes the backup and prints a summary.
func (c *backupCmd) Run(ctx context.Context) error {
	disk := metered.New(vfs.OS())
	var d *backup.Description
	var err error
	if c.Dir != "" {
		boot, mount := identity(c.Dir)
		stop := disk.Show(os.Stderr, "backup", sizeOf(c.Dir)+sizeOf(c.ColdDir))
		d, err = backup.Copy(ctx, backup.Copying{FS: disk, Dir: c.Dir, Cold: c.ColdDir, To: c.To, BootID: boot, Mount: mount})
		stop()
	} else {
		d, err = c.download(ctx, disk)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(os.Stdout, map[string]any{
			"dir": c.To, "time": d.Time, "files": len(d.Files), "bytes": d.Bytes(), "start_lsn": d.StartLSN, "end_lsn": d.EndLSN,
		})
	}
	_, err = fmt.Fprintf(os.Stdout, "backup of %s in %s: %d files, %d bytes, lsn %d to %d\n",
		d.Time.Format(time.RFC3339), c.To, len(d.Files), d.Bytes(), d.StartLSN, d.EndLSN)
	return err
}

// download requests a backup from a server.
func (c *backupCmd) download(ctx context.Context, disk *metered.FS) (*backup.Description, error) {
	target, err := c.OperatorTarget()
	if err != nil {
		return nil, err
	}
	server, err := target.Connect(ctx, "backup", c.Wait)
	if err != nil {
		return nil, err
	}
	defer server.Close()
	tar, err := server.Backup(ctx)
	if err != nil {
		return nil, err
	}
	defer tar.Close()
	defer disk.Show(os.Stderr, "backup", 0)()
	return backup.Unpack(ctx, disk, c.To, tar)
}
