package config

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/e6e95bb8/topics/api/auth"
)

// masked replaces a secret wherever values are shown.
const masked = "***"

// keys is a list of API keys. Only their digests are kept: neither errors nor
// the value that is shown reveal anything of the keys.
func keys(dst **auth.Keys) kind {
	return kind{
		Type:   "keys",
		Range:  "key[:scopes[:prefixes]], ...",
		secret: true,
		parse: func(s string) (err error) {
			if s != "" {
				*dst, err = auth.Parse(s)
			}
			return err
		},
		print: func() string {
			if (*dst).Len() == 0 {
				return ""
			}
			return masked
		},
	}
}

// maxKeysFile is the maximum size of the key file, in bytes.
const maxKeysFile = 1 << 20

// loadKeys joins the keys of the environment with those of the file.
func (c *Config) loadKeys() Problems {
	c.envKeys = c.Keys
	all, err := c.ReadKeys()
	if err != nil {
		return each(prefix+"API_KEYS_FILE", err)
	}
	c.Keys = all
	return nil
}

// ReadKeys returns the keys of the environment and those that the file has now.
// It does not modify the configuration.
func (c *Config) ReadKeys() (*auth.Keys, error) {
	file := new(auth.Keys)
	if c.APIKeysFile != "" {
		var err error
		if file, err = readKeys(c.APIKeysFile); err != nil {
			return nil, err
		}
	}
	return auth.Join(c.envKeys, file)
}

func readKeys(name string) (*auth.Keys, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxKeysFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maxKeysFile:
		return nil, errors.New("has more than 1 MiB")
	}
	read, err := auth.ParseFile(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return read, nil
}
