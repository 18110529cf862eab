package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// backupCmd copies a data directory.
type backupCmd struct {
	To      string `required:"" placeholder:"DIR" help:"Directory for the backup. It must be empty or absent."`
	URL     string `help:"Address of the running server to back up (default: from TOPICS_OPS_ADDR, or else from TOPICS_HOST and TOPICS_PORT, or else http://127.0.0.1:4000)."`
	Key     string `env:"TOPIC_KEY" help:"API key, with the scope admin and access to all names. Setting the variable keeps it out of the process list."`
	Dir     string `placeholder:"DATADIR" help:"Back up this data directory instead of a server's. No server may be using it."`
	ColdDir string `placeholder:"DIR" help:"Cold directory of that data directory." env:"TOPICS_COLD_DIR"`
}

// Run makes the backup and prints a summary.
func (c *backupCmd) Run(ctx context.Context) error {
	var d *backup.Description
	var err error
	if c.Dir != "" {
		boot, mount := identity(c.Dir)
		d, err = backup.Copy(ctx, backup.Copying{FS: vfs.OS(), Dir: c.Dir, Cold: c.ColdDir, To: c.To, BootID: boot, Mount: mount})
	} else {
		d, err = c.download(ctx)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "backup of %s in %s: %d files, %d bytes, lsn %d to %d\n",
		d.Time.Format(time.RFC3339), c.To, len(d.Files), d.Bytes(), d.StartLSN, d.EndLSN)
	return err
}

// download requests a backup from a server. It has no timeout, since the
// duration depends on the amount of data.
func (c *backupCmd) download(ctx context.Context) (*backup.Description, error) {
	server, err := remote.OperatorAddress(c.URL)
	if err != nil {
		return nil, err
	}
	url := strings.TrimRight(server, "/") + "/v0/admin/backup"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Confirm", "true")
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s: %s: %s", url, resp.Status, strings.TrimSpace(string(answer)))
	}
	return backup.Unpack(ctx, vfs.OS(), c.To, resp.Body)
}
