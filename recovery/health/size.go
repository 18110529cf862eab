package health

import "fmt"

const (
	kib = int64(1) << 10
	mib = kib << 10
	gib = mib << 10
)

// Size writes a number of bytes as people read it.
func Size(n int64) string {
	switch {
	case n >= gib:
		return fmt.Sprintf("%.1f GiB", float64(n)/float64(gib))
	case n >= mib:
		return fmt.Sprintf("%.1f MiB", float64(n)/float64(mib))
	case n >= kib:
		return fmt.Sprintf("%.1f KiB", float64(n)/float64(kib))
	}
	return fmt.Sprintf("%d B", n)
}
