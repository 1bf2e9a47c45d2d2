//go:build linux || darwin

package chdb

import "github.com/ebitengine/purego"

func dlopen(path string) (uintptr, error) {
	return purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func register(fn any, lib uintptr, name string) { purego.RegisterLibFunc(fn, lib, name) }
