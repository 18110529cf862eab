package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// levels are the words for how severe a line of the log must be.
var levels = []string{"trace", "debug", "info", "warn", "error"}

// loadLogLevel reads the level's file, if there is one.
func (c *Config) loadLogLevel() Problems {
	level, err := c.ReadLogLevel()
	if err != nil {
		return each(prefix+"LOG_LEVEL_FILE", err)
	}
	c.LogLevel = level
	return nil
}

// ReadLogLevel returns the level of the log as its file has it now, or that of
// the configuration when there is no file. The configuration stays as it is.
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
