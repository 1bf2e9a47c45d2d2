//go:build !unix

package storeserver

import "os"

// flock does nothing where the engine does not run either.
func flock(*os.File) error { return nil }
