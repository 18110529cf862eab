package damage

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// edit draws a file and lets change make other bytes of it at a place that is
// drawn, which is most often where there is something.
func (h *harmer) edit(what string, change func(content []byte, at int) []byte) (string, bool, error) {
	name, err := h.pick()
	if err != nil {
		return "", false, err
	}
	return h.editFile(name, what, change)
}

func (h *harmer) editFile(name, what string, change func(content []byte, at int) []byte) (string, bool, error) {
	full := filepath.Join(h.dir, name)
	content, err := os.ReadFile(full)
	if err != nil {
		return "", false, err
	}
	if len(content) == 0 {
		return "", false, nil
	}
	at := h.offset(content)
	changed := change(bytes.Clone(content), at)
	if bytes.Equal(content, changed) {
		return "", false, nil
	}
	if err := os.WriteFile(full, changed, 0o600); err != nil {
		return "", false, err
	}
	return fmt.Sprintf("%s at offset %d of %s (%d bytes)", what, at, name, len(content)), true, nil
}

// offset draws a place in a file.
func (h *harmer) offset(content []byte) int {
	used := len(bytes.TrimRight(content, "\x00"))
	if used == 0 {
		return h.rng.IntN(len(content))
	}
	switch h.rng.IntN(8) {
	case 0: // the beginning
		return h.rng.IntN(min(64, len(content)))
	case 1: // anywhere
		return h.rng.IntN(len(content))
	case 2, 3: // where the newest is
		return used - 1 - h.rng.IntN(min(used, 4096))
	}
	return h.rng.IntN(used)
}

func (h *harmer) flip() (string, bool, error) {
	bit := h.rng.IntN(8)
	return h.edit(fmt.Sprintf("bit %d flipped", bit), func(b []byte, at int) []byte {
		b[at] ^= 1 << bit
		return b
	})
}

func (h *harmer) set() (string, bool, error) {
	value := byte(h.rng.Uint32())
	return h.edit(fmt.Sprintf("byte set to %d", value), func(b []byte, at int) []byte {
		b[at] = value
		return b
	})
}

func (h *harmer) zeroRange() (string, bool, error) {
	n := 1 << h.rng.IntN(17)
	return h.edit(fmt.Sprintf("%d bytes zeroed", n), func(b []byte, at int) []byte {
		clear(b[at:min(at+n, len(b))])
		return b
	})
}

const page = 4096

func (h *harmer) zeroPage() (string, bool, error) {
	return h.edit("the page zeroed", func(b []byte, at int) []byte {
		at &^= page - 1
		clear(b[at:min(at+page, len(b))])
		return b
	})
}

func (h *harmer) zeroEnd() (string, bool, error) {
	return h.edit("everything zeroed", func(b []byte, at int) []byte {
		clear(b[at:])
		return b
	})
}

func (h *harmer) noise() (string, bool, error) {
	noise := h.bytes(1 << h.rng.IntN(13))
	return h.edit(fmt.Sprintf("%d bytes of noise", len(noise)), func(b []byte, at int) []byte {
		copy(b[at:], noise)
		return b
	})
}

func (h *harmer) truncate() (string, bool, error) {
	return h.edit("cut", func(b []byte, at int) []byte { return b[:at] })
}

func (h *harmer) grow() (string, bool, error) {
	more := h.bytes(1 + h.rng.IntN(8192))
	if h.rng.IntN(2) == 0 {
		clear(more)
	}
	return h.edit(fmt.Sprintf("%d bytes appended (zeros: %v), drawn", len(more), zeros(more)), func(b []byte, _ int) []byte {
		return append(b, more...)
	})
}

func (h *harmer) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.rng.Uint32())
	}
	return b
}
