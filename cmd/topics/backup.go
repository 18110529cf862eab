package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/metered"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// backupCmd makes and verifies backups.
type backupCmd struct {
	Make   backupMakeCmd   `cmd:"" default:"withargs" help:"Back up a data directory. This is the default."`
	Verify backupVerifyCmd `cmd:"" help:"Check every checksum of a backup, or of all backups that --into has made in a directory, without restoring any."`
}

// backupMakeCmd copies a data directory.
type backupMakeCmd struct {
	To      string `required:"" xor:"where" placeholder:"DIR" help:"Directory for the backup. It must be empty or absent."`
	Into    string `required:"" xor:"where" placeholder:"DIR" help:"Make the backup in a directory of its own in this one, and keep the newest --keep of them. For timers."`
	Keep    int    `default:"7" help:"How many good backups to keep with --into. An older one is removed only after the new one is durable and has been read back."`
	Archive string `placeholder:"DIR" help:"With --into: remove the log files of this archive that no kept backup needs. (default: none)"`
	Dir     string `placeholder:"DIR" help:"Back up this data directory instead of a server's. No server may be using it."`
	ColdDir string `placeholder:"DIR" help:"Cold directory of that data directory (default: $TOPICS_COLD_DIR)." env:"TOPICS_COLD_DIR"`
	JSON    bool   `name:"json" help:"Print JSON."`
	remote.Flags
}

// Help is printed below the flags.
func (backupMakeCmd) Help() string {
	return `A running server is backed up over its admin routes, with a key that has the scope admin and access to all names.

Examples:
  topics backup --to backup-1
  topics backup --into backups --keep 7
  topics backup --dir topics-data --to backup-2 --json`
}

// Run makes the backup and prints a summary.
func (c *backupMakeCmd) Run(ctx context.Context) error {
	disk := metered.New(vfs.OS())
	if c.Into != "" {
		return c.keep(ctx, disk)
	}
	d, err := c.take(ctx, disk, c.To)
	if err != nil {
		return explainAccess(err)
	}
	return c.print(c.To, d, nil)
}

// take makes one backup in a directory that is empty or absent.
func (c *backupMakeCmd) take(ctx context.Context, disk *metered.FS, to string) (*backup.Description, error) {
	if c.Dir == "" {
		return c.download(ctx, disk, to)
	}
	boot, mount := identity(c.Dir)
	defer disk.Show(os.Stderr, "backup", sizeOf(c.Dir)+sizeOf(c.ColdDir))()
	return backup.Copy(ctx, backup.Copying{FS: disk, Dir: c.Dir, Cold: c.ColdDir, To: to, BootID: boot, Mount: mount})
}

// keep makes a backup in the directory of backups and removes old ones.
func (c *backupMakeCmd) keep(ctx context.Context, disk *metered.FS) error {
	k := backup.Keeping{FS: disk, Into: c.Into, Keep: c.Keep, Archive: c.Archive, Now: time.Now, RemoveDir: os.Remove}
	kept, err := backup.Keep(ctx, k, func(ctx context.Context, to string) (*backup.Description, error) { return c.take(ctx, disk, to) })
	if err != nil {
		return explainAccess(err)
	}
	for _, name := range kept.Ignored {
		fmt.Fprintf(os.Stderr, "left alone: %s is damaged, or of another log\n", name)
	}
	return c.print(kept.Dir, kept.Description, kept)
}

// print prints the backup, and what --into did with others.
func (c *backupMakeCmd) print(dir string, d *backup.Description, kept *backup.Kept) error {
	if c.JSON {
		out := map[string]any{"dir": dir, "time": d.Time, "files": len(d.Files), "bytes": d.Bytes(), "start_lsn": d.StartLSN, "end_lsn": d.EndLSN}
		if kept != nil {
			out["kept"], out["removed"], out["archive_files_removed"] = kept.Backups, kept.Removed, kept.ArchiveFiles
		}
		return printJSON(os.Stdout, out)
	}
	if _, err := fmt.Printf("backup of %s in %s: %d files, %d bytes, lsn %d to %d\n",
		d.Time.Format(time.RFC3339), dir, len(d.Files), d.Bytes(), d.StartLSN, d.EndLSN); err != nil || kept == nil {
		return err
	}
	_, err := fmt.Printf("kept %d backups; removed %d, and %d archived log files\n", kept.Backups, len(kept.Removed), kept.ArchiveFiles)
	return err
}

// download requests a backup from a server.
func (c *backupMakeCmd) download(ctx context.Context, disk *metered.FS, to string) (*backup.Description, error) {
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
	return backup.Unpack(ctx, disk, to, tar)
}

// backupVerifyCmd checks backups.
type backupVerifyCmd struct {
	Dir    string `arg:"" help:"A backup, or a directory of backups."`
	Report bool   `help:"Say to the server that made them which of its backups have no fault. It then shows when that was."`
	JSON   bool   `name:"json" help:"Print a JSON line for each backup."`
	remote.Flags
}

// Help is printed below the flags.
func (backupVerifyCmd) Help() string {
	return `Examples:
  topics backup verify backup-1
  topics backup verify backups
  topics backup verify backups --report`
}

// Run prints what is wrong with each backup, and what the check proves. Faults
// are an error.
func (c *backupVerifyCmd) Run(ctx context.Context) error {
	dirs, err := backup.In(vfs.OS(), c.Dir)
	if err != nil {
		return unreadable{err}
	}
	bad := 0
	var good []*backup.Report
	for _, dir := range dirs {
		r, err := backup.Verify(ctx, vfs.OS(), dir)
		if err != nil {
			return unreadable{err}
		}
		if len(r.Faults) > 0 {
			bad++
		} else {
			good = append(good, r)
		}
		if err := c.print(dir, r); err != nil {
			return err
		}
	}
	if c.Report {
		if err := c.report(ctx, good); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("damaged backups: %d of %d; a damaged one cannot be restored", bad, len(dirs))
	}
	if c.JSON {
		return nil
	}
	_, err = fmt.Println("every file that the description lists is there, with the size and checksum that it had when the backup was made; " +
		"that a server starts with it is proved by topics restore into an empty directory and topics verify of that")
	return err
}

// report says to the server which backups have no fault. Those that it does not
// know are named on standard error.
func (c *backupVerifyCmd) report(ctx context.Context, good []*backup.Report) error {
	target, err := c.OperatorTarget()
	if err != nil {
		return err
	}
	server, err := target.Connect(ctx, "backup verify", c.Wait)
	if err != nil {
		return err
	}
	defer server.Close()
	for _, r := range good {
		err := server.BackupVerified(ctx, r.Time.UnixMilli())
		if client.IsCode(err, client.CodeNotFound) {
			fmt.Fprintf(os.Stderr, "not reported: %s is not one of the server's last good backups\n", r.Dir)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *backupVerifyCmd) print(dir string, r *backup.Report) error {
	if c.JSON {
		return printJSON(os.Stdout, r)
	}
	for _, f := range r.Faults {
		fmt.Println(f)
	}
	_, err := fmt.Printf("%s: files %d, bytes %d, up to lsn %d, faults %d\n", dir, r.Files, r.Bytes, r.EndLSN, len(r.Faults))
	return err
}
