package client

import (
	"context"
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
