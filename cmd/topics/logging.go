package main

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/cmd/topics/config"
)

// timeFormat is RFC 3339 with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// newLogger returns the server's logger, which writes to standard error.
func newLogger(c *config.Config) zerolog.Logger {
	zerolog.TimeFieldFormat = timeFormat
	var w io.Writer = os.Stderr
	if c.LogFormat == "console" || c.LogFormat == "auto" && isatty.IsTerminal(os.Stderr.Fd()) {
		w = zerolog.ConsoleWriter{Out: os.Stderr, TimeFormat: "15:04:05.000"}
	}
	setLogLevel(c.LogLevel)
	return zerolog.New(w).With().Timestamp().Logger()
}

// setLogLevel sets the level of all loggers of the process. It may be called at
// any time.
func setLogLevel(word string) {
	level, err := zerolog.ParseLevel(word)
	if err != nil {
		panic(err) // the configuration allows only known words
	}
	zerolog.SetGlobalLevel(level)
}
