package config

import (
	"strings"

	"github.com/e6e95bb8/topics/recovery/health/external"
)

// checks is a list of health checks of the operator's own.
func checks(dst *[]external.Spec) kind {
	return kind{
		Type:  "checks",
		Range: "name=target[;option=value,...] ...",
		parse: func(s string) (err error) {
			*dst, err = external.Parse(s)
			return err
		},
		print: func() string {
			all := make([]string, len(*dst))
			for i, s := range *dst {
				all[i] = s.String()
			}
			return strings.Join(all, " ")
		},
	}
}
