package entry

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
)

// Create makes an empty topic.
type Create struct {
	ID uint64
	TS int64 // Unix ms
	Creation
}

// Type returns TypeCreate.
func (*Create) Type() Type { return TypeCreate }

// Time returns when the topic was made.
func (e *Create) Time() (int64, bool) { return e.TS, true }

// Encode appends id, ts, name, config, ceiling.
func (e *Create) Encode(dst []byte) ([]byte, error) {
	return e.Creation.encode(binary.AppendVarint(binary.AppendUvarint(dst, e.ID), e.TS))
}

func (e *Create) decode(d *record.Decoder) {
	*e = Create{ID: d.Uvarint(), TS: d.Varint(), Creation: decodeCreation(d)}
}

func (e *Create) describe(out *Description) error {
	out.Topic, out.TS = e.ID, e.TS
	e.Creation.describe(out)
	return nil
}

// Creates returns what the topic is made with.
func (e *Create) Creates() *Creation { return &e.Creation }

// Sets returns the config that the topic is made with.
func (e *Create) Sets() *Setting { return &e.Setting }

// Config gives a topic another config.
type Config struct {
	ID   uint64
	TS   int64  // Unix ms
	Head uint64 // the topic's head before the entry
	Setting
}

// Type returns TypeConfig.
func (*Config) Type() Type { return TypeConfig }

// Time returns when the config was changed.
func (e *Config) Time() (int64, bool) { return e.TS, true }

// Encode appends id, ts, head, config, ceiling.
func (e *Config) Encode(dst []byte) ([]byte, error) {
	dst = binary.AppendVarint(binary.AppendUvarint(dst, e.ID), e.TS)
	return e.Setting.encode(binary.AppendUvarint(dst, e.Head))
}

func (e *Config) decode(d *record.Decoder) {
	*e = Config{ID: d.Uvarint(), TS: d.Varint(), Head: d.Uvarint(), Setting: decodeSetting(d)}
}

func (e *Config) describe(out *Description) error {
	out.Topic, out.TS, out.Last, out.Config, out.Ceiling = e.ID, e.TS, e.Head, e.Setting.Config, e.Ceiling
	return nil
}

// Sets returns the config.
func (e *Config) Sets() *Setting { return &e.Setting }

// Drop ends a topic, and the routers that name it.
type Drop struct {
	ID uint64
	TS int64 // Unix ms; 0 if the entry does not say
}

// Type returns TypeDrop.
func (*Drop) Type() Type { return TypeDrop }

// Time returns when the topic was deleted.
func (e *Drop) Time() (int64, bool) { return e.TS, e.TS != 0 }

// Encode appends id, [ts].
func (e *Drop) Encode(dst []byte) ([]byte, error) {
	return appendEnd(dst, e.ID, e.TS), nil
}

func (e *Drop) decode(d *record.Decoder) { e.ID, e.TS = decodeEnd(d) }

func (e *Drop) describe(out *Description) error {
	out.Topic, out.TS = e.ID, e.TS
	return nil
}

// Reserve sets the highest seq that may be given out before the next entry of
// this type.
type Reserve struct {
	ID      uint64
	Ceiling uint64
	Given   uint64 // the highest seq that was given out before; 0 if the entry does not say
}

// Type returns TypeReserve.
func (*Reserve) Type() Type { return TypeReserve }

// Time returns false.
func (*Reserve) Time() (int64, bool) { return 0, false }

// Encode appends id, ceiling, [given].
func (e *Reserve) Encode(dst []byte) ([]byte, error) {
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, e.ID), e.Ceiling)
	if e.Given > 0 {
		dst = binary.AppendUvarint(dst, e.Given)
	}
	return dst, nil
}

func (e *Reserve) decode(d *record.Decoder) {
	*e = Reserve{ID: d.Uvarint(), Ceiling: d.Uvarint()}
	if d.Left() == 0 {
		return
	}
	e.Given = d.Uvarint()
	if e.Given == 0 || e.Given > e.Ceiling {
		d.Fail()
	}
}

func (e *Reserve) describe(out *Description) error {
	out.Topic, out.Ceiling, out.Last = e.ID, e.Ceiling, e.Given
	return nil
}

// appendEnd appends what ends and when. The time is left out if it is unknown, as it
// is in old logs.
func appendEnd(dst []byte, id uint64, ts int64) []byte {
	dst = binary.AppendUvarint(dst, id)
	if ts != 0 {
		dst = binary.AppendVarint(dst, ts)
	}
	return dst
}

func decodeEnd(d *record.Decoder) (id uint64, ts int64) {
	id = d.Uvarint()
	if d.Left() == 0 {
		return id, 0
	}
	ts = d.Varint()
	if ts == 0 {
		d.Fail()
	}
	return id, ts
}
