package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// levels are the names of log levels.
var levels = []string{"trace", "debug", "info", "warn", "error"}

// loadLogLevel reads the level from its file, if there is one.
func (c *Config) loadLogLevel() Problems {
	level, err := c.ReadLogLevel()
	if err != nil {
		return each(prefix+"LOG_LEVEL_FILE", err)
	}
	c.LogLevel = level
	return nil
}

// ReadLogLevel returns the log level that the file has now, or that of the
// configuration if there is no file. It does not modify the configuration.
func (c *Config) ReadLogLevel() (string, error) {
	if c.LogLevelFile == "" {
		return c.LogLevel, nil
	}
	b, err := os.ReadFile(c.LogLevelFile)
	if err != nil {
		return "", err
	}
	word := strings.TrimSpace(string(b))
	if !slices.Contains(levels, word) {
		return "", fmt.Errorf("%s: %.20q is none of %s", c.LogLevelFile, word, strings.Join(levels, ", "))
	}
	return word, nil
}
