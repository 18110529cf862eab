package request

import (
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/router"
)

// routerFields are the fields of a router.
var routerFields = []string{
	"source", "dest", "preserve_node", "preserve_tag", "create_dest", "filter", "allow_cycle", "guarantee",
}

// DecodeRouter decodes the body of a router's PUT. The result does not alias it.
// Null for a field is the same as leaving it out, because PUT replaces the whole
// router.
func DecodeRouter(body []byte, notes *wire.Notices) (router.Spec, error) {
	s := router.Spec{
		PreserveNode: true, PreserveTag: true, CreateDest: true,
		Guarantee: router.AtLeastOnce,
	}
	if body == nil {
		body = []byte("{}")
	}
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	for f.NextField() {
		if f.Absent(routerFields) {
			continue
		}
		switch string(f.Name()) {
		case "source":
			s.Source = f.ReadString("source")
		case "dest":
			s.Dest = f.ReadString("dest")
		case "preserve_node":
			s.PreserveNode = f.ReadBool("preserve_node")
		case "preserve_tag":
			s.PreserveTag = f.ReadBool("preserve_tag")
		case "create_dest":
			s.CreateDest = f.ReadBool("create_dest")
		case "filter":
			s.Filter = readPredicate(&f, "filter")
		case "allow_cycle":
			s.AllowCycle = f.ReadBool("allow_cycle")
		case "guarantee":
			s.Guarantee = readGuarantee(&f)
		default:
			f.Unknown(routerFields)
		}
	}
	if err := f.Finish(); err != nil {
		return s, err
	}
	switch {
	case s.Source == "":
		return s, wire.InvalidField("source", "is needed")
	case s.Dest == "":
		return s, wire.InvalidField("dest", "is needed")
	}
	return s, nil
}

func readGuarantee(f *wire.Fields) string {
	v := f.ReadString("guarantee")
	if v != router.AtLeastOnce && v != router.ExactlyOnce && f.Failure() == nil {
		f.Refuse("guarantee", "%q is neither %q nor %q", v, router.AtLeastOnce, router.ExactlyOnce)
	}
	return v
}
