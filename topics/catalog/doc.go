// Package catalog has the topics of a registry by their names: which there are, which
// id the next one gets, and whether another one may be made. A topic that is being
// created has its name already, and one that is being deleted has it still.
package catalog
