package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// listen is step 4. Nothing is served until every address is bound, and the
// port file is there only then.
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
	if err := writePortFile(s.config.PortFile, listener.Addr()); err != nil {
		listener.Close()
		return fmt.Errorf("port file: %w", err)
	}
	go s.serveOn(s.http, listener)
	s.log.Info().Str("version", version).Stringer("addr", listener.Addr()).Bool("tls", s.certificate != nil).Msg("listening")
	return nil
}

// serveOn serves until the shutdown; what ends it before that ends the process.
func (s *server) serveOn(srv *http.Server, l net.Listener) {
	serve := srv.Serve
	if s.certificate != nil {
		srv.TLSConfig = s.certificate.tlsConfig()
		serve = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
	}
	if err := serve(s.api.Listen(l)); !errors.Is(err, http.ErrServerClosed) {
		s.broken <- err
	}
}

// writePortFile writes the port of addr and a newline, in one step for
// whoever waits for the file. No name, no file.
func writePortFile(name string, addr net.Addr) error {
	if name == "" {
		return nil
	}
	part, err := os.CreateTemp(filepath.Dir(name), ".port-*")
	if err != nil {
		return err
	}
	_, err = part.WriteString(strconv.Itoa(addr.(*net.TCPAddr).Port) + "\n")
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), name)
	}
	if err != nil {
		os.Remove(part.Name())
	}
	return err
}
