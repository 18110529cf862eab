package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Flags are the variables as flags of a command line: TOPICS_DATA_DIR is
// --data-dir.
type Flags struct {
	fields any                               // pointer to a struct with a field for each flag
	values map[string]*string                // by flag; empty if it is not given
	names  []struct{ flag, variable string } // in order of declaration
}

// NewFlags returns flags that are not given.
func NewFlags() *Flags {
	f := &Flags{values: map[string]*string{}}
	var fields []reflect.StructField
	for _, v := range new(Config).variables() {
		flag := flagName(v.Name)
		f.names = append(f.names, struct{ flag, variable string }{flag, v.Name})
		help := v.Doc
		if v.Range != "" {
			help += " (" + v.Range + ")"
		}
		if v.Default != "" {
			help += " Default: " + v.Default + "."
		}
		if v.secret {
			help += " Others on this machine see it in the process list: prefer the variable or a file."
		}
		fields = append(fields, reflect.StructField{
			Name: "F_" + strings.ReplaceAll(flag, "-", "_"), Type: reflect.TypeFor[string](),
			Tag: reflect.StructTag(fmt.Sprintf(`name:%q placeholder:%q group:%q help:%q`,
				flag, strings.ToUpper(v.Type), v.Group, strings.ReplaceAll(help, "${", "$${"))),
		})
	}
	s := reflect.New(reflect.StructOf(fields))
	for i, n := range f.names {
		f.values[n.flag] = s.Elem().Field(i).Addr().Interface().(*string) // made so above
	}
	f.fields = s.Interface()
	return f
}

// flagName returns the flag of a variable.
func flagName(variable string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, prefix), "_", "-"))
}

// Fields returns a pointer to a struct with a field for each flag, whose tags
// declare it for kong.
func (f *Flags) Fields() any { return f.fields }

// set gives a flag a value.
func (f *Flags) set(flag, value string) error {
	dst, ok := f.values[flag]
	if !ok {
		return fmt.Errorf("there is no flag --%s", flag)
	}
	*dst = value
	return nil
}

// Environ returns an environment with the flags that are given in place of their
// variables.
func (f *Flags) Environ(environ []string) []string {
	environ = slices.Clone(environ)
	for _, n := range f.names {
		value := *f.values[n.flag]
		if value == "" {
			continue
		}
		environ = slices.DeleteFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, n.variable+"=") })
		environ = append(environ, n.variable+"="+value)
	}
	return environ
}
