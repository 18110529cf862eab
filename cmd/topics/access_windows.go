package main

// explainAccess returns err as it is: who may use a file is a list there, which its
// properties show.
func explainAccess(err error) error { return err }
