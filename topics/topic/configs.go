package topic

import (
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
)

// configs has one copy of each config, so that a hundred thousand topics with
// one config hold it once.
type configs struct {
	mu     lockorder.Mutex[lockorder.Last] // guards shared
	shared map[record.Config]*record.Config
}

// maxInterned bounds the table against clients that never send the same config
// twice.
const maxInterned = 1024

// intern returns a shared copy of c. Configs with pointers differ and are rare:
// they are not shared.
func (s *configs) intern(c *record.Config) *record.Config {
	if c.Priority != nil || c.DeadLetter != nil {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if shared, ok := s.shared[*c]; ok {
		return shared
	}
	if s.shared == nil {
		s.shared = make(map[record.Config]*record.Config)
	}
	if len(s.shared) >= maxInterned {
		clear(s.shared)
	}
	s.shared[*c] = c
	return c
}
