package wire

import "testing"

// A cursor that was changed, or that belongs to another listing, is refused.
func TestForeignCursors(t *testing.T) {
	given := FormatCursor("ls", "ls09")
	if after, err := ParseCursor("ls", given); err != nil || after != "ls09" {
		t.Fatalf("its own: %q, %v", after, err)
	}
	if _, err := ParseCursor("zz", given); err == nil {
		t.Error("another prefix was accepted")
	}
	for i := range given {
		for _, c := range "Aw_0" {
			changed := given[:i] + string(c) + given[i+1:]
			if _, err := ParseCursor("ls", changed); err == nil && changed != given {
				t.Errorf("changed at %d: accepted", i)
			}
		}
	}
}
