package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// Backup makes the server send a backup of its data directory, as a tar file,
// and returns it. The caller closes it. A file that ends early is an error of
// the last read. There is no timeout and no retry, since the duration depends on
// the amount of data.
func (c *Client) Backup(ctx context.Context) (io.ReadCloser, error) {
	req, err := c.request(ctx, call{method: http.MethodPost, path: "/v0/admin/backup", confirm: true})
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	body, err := readBody(resp)
	if err != nil {
		return nil, err
	}
	return nil, readError(resp, body)
}

// BackupVerified says that a copy of the server's backup that has all of what was
// acknowledged before a time, in Unix ms, was checked and has no fault.
func (c *Client) BackupVerified(ctx context.Context, throughTS int64) error {
	body, err := json.Marshal(map[string]int64{"through_ts": throughTS})
	if err != nil {
		return err
	}
	return c.do(ctx, call{method: http.MethodPost, path: "/v0/admin/backups/verified", body: body, repeatable: true, confirm: true}, new(struct{}))
}
