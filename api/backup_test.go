package api

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/admin"
	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/topics/record"
)

// tarOf writes a tar with one file of so many bytes.
func tarOf(w io.Writer, size int) error {
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: "wal/1", Mode: 0o600, Size: int64(size)}); err != nil {
		return err
	}
	if _, err := t.Write(bytes.Repeat([]byte("x"), size)); err != nil {
		return err
	}
	return t.Close()
}

func TestBackupIsWhole(t *testing.T) {
	const size = 5*call.StreamPiece + 7
	f := workingStorage()
	f.backup = func(_ context.Context, w io.Writer) error { return tarOf(w, size) }
	s, _ := adminServer(f, nil)
	addr, _ := serve(t, s)
	for proto, client := range clients(t) {
		resp, body, err := ask(t.Context(), client, addr, backupRoute, "X-Confirm", "true", "Accept-Encoding", "gzip")
		if err != nil {
			t.Fatalf("%s: %v", proto, err)
		}
		r := tar.NewReader(strings.NewReader(body))
		h, err := r.Next()
		if err != nil || h.Size != size {
			t.Errorf("%s: %+v, %v", proto, h, err)
		}
		if n, err := io.Copy(io.Discard, r); n != size || err != nil {
			t.Errorf("%s: %d bytes, %v", proto, n, err)
		}
		if resp.ContentLength >= 0 || resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: length %d, %v", proto, resp.ContentLength, resp.Header)
		}
	}
}

// A backup that ends before its end never looks complete, whatever ended it
// and however much had left; the audit log says so.
func TestBackupIsCut(t *testing.T) {
	for _, sent := range []int{1, 100, 10_000, 3 * call.StreamPiece} {
		for name, end := range map[string]func(context.Context) error{
			"error": func(context.Context) error { return errors.New("as the test wants") },
			"panic": func(context.Context) error { panic("as the test wants") },
		} {
			f := workingStorage()
			f.backup = func(ctx context.Context, w io.Writer) error {
				if _, err := w.Write(make([]byte, sent)); err != nil {
					return err
				}
				return end(ctx)
			}
			s, log := adminServer(f, nil)
			addr, shutdown := serve(t, s)
			for proto, client := range clients(t) {
				_, body, err := ask(t.Context(), client, addr, backupRoute, "X-Confirm", "true")
				if err == nil {
					t.Errorf("%s after %d bytes, %s: %d bytes taken for whole", name, sent, proto, len(body))
				}
				client.CloseIdleConnections()
			}
			if m := get(s, "GET", "/metrics").Body.String(); !strings.Contains(m, `route="/v0/admin/backup",method="POST",code="500"} 2`) {
				t.Errorf("%s: not counted as failed", name)
			}
			shutdown()
			for _, line := range log.next(t, 2) {
				if line != backupRoute+" server internal" {
					t.Errorf("%s: audit line %q", name, line)
				}
			}
		}
	}
}

// With HTTP/1.0 the end of the connection is the end of the answer: a cut
// could not be told.
func TestBackupNeedsChunks(t *testing.T) {
	s, _ := adminServer(workingStorage(), nil)
	addr, _ := serve(t, s)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "POST /v0/admin/backup HTTP/1.0\r\nX-Confirm: true\r\n\r\n")
	if got, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(got, []byte("HTTP/1.0 400")) || !bytes.Contains(got, []byte("needs HTTP/1.1")) {
		t.Errorf("%s, %v", got, err)
	}
}

// A backup as a whole may take longer than any answer; a piece of it that
// nobody takes ends it.
func TestBackupPace(t *testing.T) {
	scaled(t, 100*time.Millisecond, func(t *testing.T, timeout time.Duration) error {
		f := workingStorage()
		slow := func(_ context.Context, w io.Writer) error {
			for range 4 {
				<-time.After(timeout)
				if _, err := io.WriteString(w, "piece "); err != nil {
					return err
				}
			}
			return nil
		}
		ended := make(chan error, 1)
		endless := func(_ context.Context, w io.Writer) error {
			for {
				if _, err := w.Write(make([]byte, call.StreamPiece)); err != nil {
					ended <- err
					return err
				}
			}
		}
		s, _ := adminServer(f, func(o *Options) { o.Limits.WriteTimeout, o.Limits.BodyTimeout = timeout, timeout })
		addr, _ := serve(t, s)
		for proto, client := range clients(t) {
			f.backup = slow
			if _, body, err := ask(t.Context(), client, addr, backupRoute, "X-Confirm", "true"); err != nil || body != "piece piece piece piece " {
				return fmt.Errorf("%s: %q, %v", proto, body, err)
			}
			f.backup = endless
			req, err := http.NewRequest("POST", "http://"+addr+"/v0/admin/backup", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Confirm", "true")
			resp, err := client.Do(req)
			if err != nil {
				return fmt.Errorf("%s: %w", proto, err)
			}
			<-ended // while nobody reads
			if _, err := io.Copy(io.Discard, resp.Body); err == nil {
				t.Errorf("%s: a backup that was given up looks complete", proto)
			}
			_ = resp.Body.Close()
			client.CloseIdleConnections()
		}
		return nil
	})
}

// A client that leaves, and a server that stops, end a backup.
func TestBackupEnds(t *testing.T) {
	for proto, client := range clients(t) {
		for _, who := range []string{"client", "server"} {
			f := workingStorage()
			begun, ended := make(chan struct{}), make(chan error, 1)
			f.backup = func(ctx context.Context, w io.Writer) error {
				if _, err := w.Write(make([]byte, call.StreamPiece)); err != nil {
					return err
				}
				close(begun)
				<-ctx.Done()
				ended <- ctx.Err()
				return ctx.Err()
			}
			s, log := adminServer(f, nil)
			addr, shutdown := serve(t, s)
			ctx, leave := context.WithCancel(t.Context())
			answer := make(chan error, 1)
			go func() {
				_, _, err := ask(ctx, client, addr, backupRoute, "X-Confirm", "true")
				answer <- err
			}()
			<-begun
			outcome := "client_closed_request"
			if who == "client" {
				leave()
			} else {
				outcome = "shutting_down"
				shutdown()
			}
			<-ended
			if err := <-answer; err == nil {
				t.Errorf("%s, the %s ends it: it looks complete", proto, who)
			}
			leave()
			client.CloseIdleConnections()
			shutdown()
			if line := log.next(t, 1)[0]; line != backupRoute+" server "+outcome {
				t.Errorf("%s, the %s ends it: audit line %q", proto, who, line)
			}
		}
	}
}

// The list of backups is there in every phase, and for keys of all names only.
func TestContractBackups(t *testing.T) {
	past := `{"backups":[{"started_at":"2026-11-21T12:14:20Z","finished_at":"2026-11-21T12:14:21Z","bytes":7,"through_ts":1795263260000,"outcome":"good","verified_at":null}],"last_good_at":"2026-11-21T12:14:21Z"}`
	keys, err := auth.Parse("root,pre::in,read:r,writes:w,deletes:d")
	if err != nil {
		t.Fatal(err)
	}
	overBoth(t, func(o *Options) {
		o.Keys = keys
		o.Backups = func() any { return json.RawMessage(past) }
	}, func(t *testing.T, s *contractServer) {
		for key, status := range map[string]int{"root": 200, "pre": 403, "read": 403, "writes": 403, "deletes": 403, "none": 401} {
			a := s.send("GET /v0/admin/backups", "", "Authorization", "Bearer "+key)
			if a.status != status || status == 200 && a.differs(past) != "" {
				t.Errorf("%s: %d %s, want %d", key, a.status, a.body, status)
			}
			if status == 200 && a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", key, a.header)
			}
		}
	})
}

// A report that a backup was verified names it; who may take backups may report.
func TestContractBackupVerified(t *testing.T) {
	keys, err := auth.Parse("root,pre::in,read:r,looks:ar,rules:aw")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 12, 14, 21, 0, time.UTC)
	overBoth(t, func(o *Options) {
		o.Keys = keys
		o.BackupVerified = func(through int64) (time.Time, error) {
			switch through {
			case 7:
				return at, nil
			case 8:
				return at, admin.ErrNoBackup
			}
			return at, &record.Error{Kind: record.KindNoSpace, Message: "no room for the account"}
		}
	}, func(t *testing.T, s *contractServer) {
		for _, tc := range []struct {
			key, body string
			status    int
			says      string
		}{
			{"root", `{"through_ts":7}`, 200, `{"through_ts":7,"verified_at":"2026-11-21T12:14:21Z"}`},
			{"rules", `{"through_ts":7}`, 200, ``},
			{"rules", `{"through_ts":8}`, 404, `{"error":{"code":"not_found"}}`},
			{"rules", `{"through_ts":9}`, 507, ``},
			{"rules", `{}`, 400, badField("through_ts")}, {"rules", ``, 400, badField("through_ts")},
			{"rules", `{"through_ts":-1}`, 400, badField("through_ts")}, {"rules", `{"through_ts":"7"}`, 400, badField("through_ts")},
			{"pre", `{"through_ts":7}`, 403, ``}, {"read", `{"through_ts":7}`, 403, ``}, {"looks", `{"through_ts":7}`, 403, ``}, {"none", `{"through_ts":7}`, 401, ``},
		} {
			a := s.send("POST /v0/admin/backups/verified", tc.body, "Authorization", "Bearer "+tc.key, "X-Confirm", "true")
			if a.status != tc.status || tc.says != "" && a.differs(tc.says) != "" {
				t.Errorf("%s %s: %d %s, want %d %s", tc.key, tc.body, a.status, a.body, tc.status, tc.says)
			}
		}
		if a := s.send("POST /v0/admin/backups/verified", `{"through_ts":7}`, "Authorization", "Bearer root"); a.status != 400 {
			t.Errorf("without X-Confirm: %d %s", a.status, a.body)
		}
	})
}
