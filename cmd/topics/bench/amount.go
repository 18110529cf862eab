package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// amount is a number of records or topics on the command line: 5000, 100k,
// 10M.
type amount int

// maxAmount keeps numbers derived from an amount within an int.
const maxAmount = 10_000_000_000

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *amount) UnmarshalText(text []byte) error {
	digits, unit := string(text), 1
	for suffix, size := range map[string]int{"k": 1e3, "M": 1e6, "G": 1e9} {
		if stem, ok := strings.CutSuffix(digits, suffix); ok {
			digits, unit = stem, size
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 40)
	if err != nil || n == 0 || n > uint64(maxAmount/unit) {
		return fmt.Errorf("%q is not an amount such as 5000, 100k or 10M", text)
	}
	*a = amount(int(n) * unit)
	return nil
}
