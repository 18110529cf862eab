package wire

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"github.com/e6e95bb8/topics/topics/router"
)

// cursorVersion begins every cursor, so that its form may change.
const cursorVersion = 1

// FormatCursor is where a page of a listing ended: a version, a checksum and
// the page's last name. The checksum is there because a cursor that was
// changed on its way must be refused; it covers what the listing is of (the
// prefix, for one), because a cursor belongs to its listing. Clients see opaque
// text.
func FormatCursor(listing, after string) string {
	b := append([]byte{cursorVersion}, cursorSum(listing, after)...)
	return base64.RawURLEncoding.EncodeToString(append(b, after...))
}

// ParseCursor returns the name that FormatCursor was given for this listing.
func ParseCursor(listing, s string) (after string, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err == nil && len(b) > 5 && b[0] == cursorVersion {
		after = string(b[5:])
		// Decoding passes over line ends: what is refused is all but the same text.
		if FormatCursor(listing, after) == s && router.CheckName(after) == nil {
			return after, nil
		}
	}
	return "", InvalidField("cursor", "is not one that this listing has given")
}

func cursorSum(listing, after string) []byte {
	sum := crc32.ChecksumIEEE([]byte(listing + "\x00" + after))
	return binary.LittleEndian.AppendUint32(nil, sum)
}
