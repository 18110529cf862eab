package entry

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/e6e95bb8/topics/topics/record"
)

// Setting is the config that a topic has from an entry on.
type Setting struct {
	Config  *record.Config // nil if the entry sets none
	Ceiling uint64         // seqs up to it are reserved
}

// Creation has the name and the first config of a topic.
type Creation struct {
	Name string
	Setting
}

func (s *Setting) encode(dst []byte) ([]byte, error) {
	b, err := json.Marshal(s.Config)
	if err != nil {
		return nil, fmt.Errorf("topics: encode config: %w", err)
	}
	return binary.AppendUvarint(record.AppendBytes(dst, b), s.Ceiling), nil
}

func decodeSetting(d *record.Decoder) Setting {
	return Setting{Config: d.Config(), Ceiling: d.Uvarint()}
}

func (c *Creation) encode(dst []byte) ([]byte, error) {
	return c.Setting.encode(record.AppendBytes(dst, []byte(c.Name)))
}

func decodeCreation(d *record.Decoder) Creation {
	return Creation{Name: string(d.Bytes()), Setting: decodeSetting(d)}
}

func (c *Creation) describe(out *Description) {
	out.Name, out.Config, out.Ceiling = c.Name, c.Config, c.Ceiling
}
