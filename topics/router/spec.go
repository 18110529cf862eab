package router

import (
	"encoding/json"
	"fmt"

	"github.com/e6e95bb8/topics/topics/record"
)

// storedSpec is a spec in the log and in checkpoints, which know the ends by
// their ids.
type storedSpec struct {
	PreserveNode bool     `json:"preserve_node"`
	PreserveTag  bool     `json:"preserve_tag"`
	CreateDest   bool     `json:"create_dest"`
	AllowCycle   bool     `json:"allow_cycle"`
	Guarantee    string   `json:"guarantee"`
	Filter       []string `json:"filter,omitempty"` // operator, pattern
}

func (s *Spec) Encode() ([]byte, error) {
	stored := storedSpec{s.PreserveNode, s.PreserveTag, s.CreateDest, s.AllowCycle, s.Guarantee, nil}
	if s.Filter != nil {
		op, pattern := s.Filter.Parts()
		stored.Filter = []string{op, pattern}
	}
	b, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("topics: encode router: %w", err)
	}
	return b, nil
}

// DecodeSpec is encode's inverse.
func DecodeSpec(b []byte, source, dest string) (Spec, error) {
	var stored storedSpec
	if err := json.Unmarshal(b, &stored); err != nil {
		return Spec{}, fmt.Errorf("%w: router: %w", record.ErrMalformed, err)
	}
	s := Spec{
		Source: source, Dest: dest, PreserveNode: stored.PreserveNode, PreserveTag: stored.PreserveTag,
		CreateDest: stored.CreateDest, AllowCycle: stored.AllowCycle, Guarantee: stored.Guarantee,
	}
	switch len(stored.Filter) {
	case 0:
	case 2:
		m, err := record.NewMatch(stored.Filter[0], stored.Filter[1])
		if err != nil {
			return Spec{}, fmt.Errorf("%w: router: %w", record.ErrMalformed, err)
		}
		s.Filter = &m
	default:
		return Spec{}, fmt.Errorf("%w: router with a filter of %d parts", record.ErrMalformed, len(stored.Filter))
	}
	return s, nil
}
