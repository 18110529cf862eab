package call

import "testing"

func TestCutPath(t *testing.T) {
	for reason, want := range map[string]string{
		"":                             "",
		"95 % used":                    "95 % used",
		"open /a b/c: no":              "open " + withheld,
		"/a":                           withheld,
		`open "/a": no`:                "open " + withheld,
		`the file "x y\z"`:             `the file "x ` + withheld,
		"recovery failed: read x/y: z": "recovery failed: read " + withheld,
	} {
		if got := cutPath(reason); got != want {
			t.Errorf("%q: %q, want %q", reason, got, want)
		}
	}
}
