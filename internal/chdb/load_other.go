//go:build !linux && !darwin

package chdb

func dlopen(string) (uintptr, error) { return 0, ErrUnsupported }

func register(any, uintptr, string) {}
