package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/e6e95bb8/topics/api/http1"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// listen is step 4. It binds every address before any is served, and then
// writes the port file.
func (s *server) listen() error {
	s.http, s.ops = s.api.HTTPServer(), s.api.OpsServer()
	listener, err := net.Listen("tcp", s.config.Addr())
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	var ops net.Listener
	if s.ops != nil {
		if ops, err = net.Listen("tcp", s.config.OpsAddr); err != nil {
			listener.Close()
			return fmt.Errorf("listening for operators: %w", err)
		}
		s.log.Info().Stringer("addr", ops.Addr()).Msg("listening for operators")
		go s.serveOn(s.ops, ops)
	}
	err = writePortFile(s.config.PortFile, listener.Addr())
	if vfs.NoSpace(err) { // serving is still possible
		s.log.Warn().Err(err).Msg("the disk is full; the port file was not written")
	} else if err != nil {
		listener.Close()
		return fmt.Errorf("port file: %w", err)
	}
	go s.serveOn(s.http, listener)
	s.log.Info().Str("version", version).Stringer("addr", listener.Addr()).Bool("tls", s.certificate != nil).Msg("listening")
	return nil
}

// serveOn serves until the shutdown. An error before that ends the process.
func (s *server) serveOn(srv *http1.Server, l net.Listener) {
	serve := srv.Serve
	if s.certificate != nil {
		srv.TLSConfig = s.certificate.tlsConfig()
		serve = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
	}
	err := serve(s.api.Listen(l))
	if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		s.broken <- err
	}
}

// writePortFile writes the port of addr and a newline. The file is replaced
// atomically for processes that wait for it, except that on a full disk an
// existing file is overwritten in place. An empty name means no file.
func writePortFile(name string, addr net.Addr) error {
	if name == "" {
		return nil
	}
	port := strconv.Itoa(addr.(*net.TCPAddr).Port) + "\n"
	err := replace(name, port)
	if vfs.NoSpace(err) && overwrite(name, port) == nil {
		return nil
	}
	return err
}

// replace replaces a file atomically.
func replace(name, content string) error {
	part, err := os.CreateTemp(filepath.Dir(name), ".port-*")
	if err != nil {
		return err
	}
	_, err = part.WriteString(content)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), name)
	}
	if err != nil {
		os.Remove(part.Name())
	}
	return err
}

// overwrite overwrites an existing file with other short content, which needs
// no new block.
func overwrite(name, content string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(content), 0)
	if err == nil {
		err = f.Truncate(int64(len(content)))
	}
	return errors.Join(err, f.Close())
}
