package api

import "github.com/e6e95bb8/topics/topics"

// routerFields are the fields of a router.
var routerFields = []string{
	"source", "dest", "preserve_node", "preserve_tag", "create_dest", "filter", "allow_cycle", "guarantee",
}

// decodeRouter reads the body of a router's PUT; nothing of the result aliases
// it. Null for a field is the same as leaving it out: PUT replaces the whole
// router, so there is nothing else that it could mean.
func decodeRouter(body []byte, notes *notices) (topics.RouterSpec, error) {
	s := topics.RouterSpec{
		PreserveNode: true, PreserveTag: true, CreateDest: true,
		Guarantee: topics.AtLeastOnce,
	}
	if body == nil {
		body = []byte("{}")
	}
	f := readFields(body, notes)
	f.object("the body")
	for f.next() {
		if f.absent(routerFields) {
			continue
		}
		switch string(f.Name()) {
		case "source":
			s.Source = f.str("source")
		case "dest":
			s.Dest = f.str("dest")
		case "preserve_node":
			s.PreserveNode = f.bool("preserve_node")
		case "preserve_tag":
			s.PreserveTag = f.bool("preserve_tag")
		case "create_dest":
			s.CreateDest = f.bool("create_dest")
		case "filter":
			s.Filter = f.predicate("filter")
		case "allow_cycle":
			s.AllowCycle = f.bool("allow_cycle")
		case "guarantee":
			s.Guarantee = f.guarantee()
		default:
			f.unknown(routerFields)
		}
	}
	if err := f.finish(); err != nil {
		return s, err
	}
	switch {
	case s.Source == "":
		return s, invalidField("source", "is needed")
	case s.Dest == "":
		return s, invalidField("dest", "is needed")
	}
	return s, nil
}

func (f *fields) guarantee() string {
	v := f.str("guarantee")
	if v != topics.AtLeastOnce && v != topics.ExactlyOnce && f.Failure() == nil {
		f.refuse("guarantee", "%q is neither %q nor %q", v, topics.AtLeastOnce, topics.ExactlyOnce)
	}
	return v
}
