package config

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/e6e95bb8/topics/api/auth"
)

// masked stands for a secret wherever values are shown.
const masked = "***"

// keys is a list of API keys. Only their digests are kept: neither an error nor
// the value that is shown has anything of them.
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

// maxKeysFile is the largest file of keys, in bytes.
const maxKeysFile = 1 << 20

// loadKeys puts the keys of the environment and those of the file together.
func (c *Config) loadKeys() Problems {
	c.envKeys = c.Keys
	all, err := c.ReadKeys()
	if err != nil {
		return each(prefix+"API_KEYS_FILE", err)
	}
	c.Keys = all
	return nil
}

// ReadKeys returns the keys of the environment and of the file as it is now.
// The configuration stays as it is.
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
